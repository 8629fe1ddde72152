// Asks whoever runs this script for a restart of the server, and waits until it was done.
import { once } from "node:events";

export async function restarted() {
  console.log("restart");
  await once(process.stdin.resume(), "data");
  process.stdin.pause();
}
