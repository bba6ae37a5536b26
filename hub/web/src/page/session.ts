/** Ask the hub to change something; null when it does not answer. */
export async function post(address: string, csrf: string): Promise<Response | null> {
  return fetch(address, { method: "POST", headers: { "X-Koffert-CSRF": csrf } }).catch(() => null);
}

/** Go to the log-in when the hub no longer knows this session; a hub that does not answer changes nothing. */
export async function leaveIfLoggedOut(): Promise<void> {
  const answer = await fetch("/api/v1/session").catch(() => null);
  if (answer?.status === 401 || answer?.status === 403) {
    window.location.assign(`/login?to=${encodeURIComponent(window.location.pathname)}`);
  }
}
