// A film of 60 seconds made by ffmpeg, served with ranges to pages of any origin.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SECONDS = 60;

/** Resolves to the film's address; the server ends with the process. */
export async function serveFilm() {
  const path = join(mkdtempSync(join(tmpdir(), "roomhub-film-")), "film.webm");
  const picture = ["-f", "lavfi", "-i", `testsrc=size=320x180:rate=12:duration=${SECONDS}`];
  const sound = ["-f", "lavfi", "-i", `sine=440:duration=${SECONDS}`];
  const codecs = [
    "-c:v",
    "libvpx",
    "-deadline",
    "realtime",
    "-cpu-used",
    "8",
    "-g",
    "24",
    "-b:v",
    "200k",
    "-c:a",
    "libopus",
  ];
  execFileSync("ffmpeg", ["-loglevel", "error", ...picture, ...sound, ...codecs, path]);
  const bytes = readFileSync(path);
  const server = createServer((request, response) => {
    const head = { "content-type": "video/webm", "accept-ranges": "bytes", "access-control-allow-origin": "*" };
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    if (!range) {
      response.writeHead(200, { ...head, "content-length": bytes.length });
      response.end(request.method === "HEAD" ? undefined : bytes);
      return;
    }
    const first = Number(range[1]);
    const last = Math.min(range[2] ? Number(range[2]) : bytes.length - 1, bytes.length - 1);
    response.writeHead(206, {
      ...head,
      "content-range": `bytes ${first}-${last}/${bytes.length}`,
      "content-length": last - first + 1,
    });
    response.end(bytes.subarray(first, last + 1));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return `http://127.0.0.1:${server.address().port}/film.webm`;
}
