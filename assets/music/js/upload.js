/** Giving a file to the room: the server keeps it and queues it. */

import { withTicket } from "../common/media.js";
import { say } from "../common/texts.js";

/** Sends `file`; `progress(percent)` is told how far it is. Resolves to what is wrong, or null. */
export function uploadFile(file, { ticket, maxBytes, progress }) {
  if (file.size > maxBytes) return Promise.resolve(say("uploadTooLarge", Math.floor(maxBytes / 1_000_000)));
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", withTicket("media/upload", ticket));
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(Math.round((100 * loaded) / total)));
    request.addEventListener("load", () => resolve(request.status < 300 ? null : refusal(request)));
    request.addEventListener("error", () => resolve(say("uploadFailed")));
    request.send(file);
  });
}

function refusal(request) {
  switch (request.status) {
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
