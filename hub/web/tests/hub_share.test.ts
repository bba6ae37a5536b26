import assert from "node:assert/strict";
import { test } from "node:test";
import { HubShare } from "../src/live/hub_share.ts";
import type { StreamMessage } from "../src/live/stream.ts";
import { liveRow } from "./rows.ts";

class Page {
  readonly heard: StreamMessage[] = [];

  postMessage(message: StreamMessage): void {
    this.heard.push(message);
  }
}

test("a page that comes later is told what the first one knows, newest values included", () => {
  const share = new HubShare();
  const [first, second] = [new Page(), new Page()];
  share.join(first);
  assert.deepEqual(first.heard, []);
  share.hear({ kind: "alerts", alerts: [] });
  share.hear({ kind: "snapshot", rows: [liveRow({ sequence: 1 })] });
  const newer = liveRow({ spo2_pct: 85, measured_at_ms: 1000, sequence: 2 });
  share.hear({ kind: "reading", row: newer });
  share.hear({ kind: "reading", row: liveRow({ spo2_pct: 99, measured_at_ms: 500, sequence: 3 }) });
  share.join(second);
  assert.deepEqual(second.heard, [
    { kind: "alerts", alerts: [] },
    { kind: "snapshot", rows: [newer] },
  ]);
  share.hear({ kind: "heartbeat", serverMs: 1 });
  assert.equal(first.heard.length, 5);
  assert.equal(second.heard.length, 3);
});

test("who leaves hears no more, and the last to leave makes it idle", () => {
  const share = new HubShare();
  const page = new Page();
  assert.equal(share.idle, true);
  share.join(page);
  assert.equal(share.idle, false);
  share.leave(page);
  share.hear({ kind: "heartbeat", serverMs: 1 });
  assert.deepEqual([share.idle, page.heard], [true, []]);
});
