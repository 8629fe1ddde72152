/** Giving a file to the server, for the room to play. */

import { withTicket } from "../common/media.js";
import { say } from "../common/texts.js";

/** Sends `file`; `progress(percent)` is told how far it is. Resolves to `{item}`, or to `{problem}` in words. */
export function uploadFile(file, { ticket, maxBytes, progress }) {
  if (file.size > maxBytes) return Promise.resolve({ problem: say("uploadTooLarge", Math.floor(maxBytes / 1_000_000)) });
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", withTicket("media/upload", ticket));
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(Math.round((100 * loaded) / total)));
    request.responseType = "json";
    request.addEventListener("load", () => {
      const item = request.status < 300 ? request.response?.item : null;
      resolve(item ? { item } : { problem: problemOf(request.status) });
    });
    request.addEventListener("error", () => resolve({ problem: say("uploadFailed") }));
    request.send(file);
  });
}

function problemOf(status) {
  switch (status) {
    case 403:
      return say("refused");
    case 413:
      return say("uploadTooLargeHere");
    case 415:
      return say("uploadNotAudio");
    case 507:
      return say("uploadNoSpace");
    default:
      return say("uploadFailed");
  }
}
