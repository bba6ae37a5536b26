/** The box decodes what we send: a small picture is plenty on its screen, and costs it half. */
const VIDEO: MediaTrackConstraints = { width: 320, height: 240, frameRate: 15 };

/** The nurse's own microphone and camera; without a camera it is the microphone alone, without both nothing. */
export class OwnDevices {
  #stream: MediaStream | null = null;

  get stream(): MediaStream | null {
    return this.#stream;
  }

  async open(): Promise<MediaStream | null> {
    const audio = { echoCancellation: true, noiseSuppression: true };
    for (const wanted of [{ audio, video: VIDEO }, { audio }]) {
      try {
        this.#stream = await navigator.mediaDevices.getUserMedia(wanted);
        return this.#stream;
      } catch {
        // Not there, taken by another program, or not allowed: the next best.
      }
    }
    return null;
  }

  /** The cameras to choose among; they have names only once one was allowed. */
  async cameras(): Promise<MediaDeviceInfo[]> {
    return (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  }

  async choose(deviceId: string): Promise<MediaStreamTrack | null> {
    const chosen = await navigator.mediaDevices.getUserMedia({ video: { ...VIDEO, deviceId: { exact: deviceId } } });
    const track = chosen.getVideoTracks()[0];
    if (track === undefined || this.#stream === null) return null;
    for (const old of this.#stream.getVideoTracks()) {
      this.#stream.removeTrack(old);
      old.stop();
    }
    this.#stream.addTrack(track);
    return track;
  }

  mute(muted: boolean): void {
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  close(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
  }
}
