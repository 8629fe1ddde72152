/** Why the server did not do what was asked, in words. */

import { isSayable, say } from "../texts.js";

/** What to say of an acknowledgement; null if it was done, or the server just acknowledges it. */
export function refusal(answer) {
  if (answer === null) return say("noAnswer");
  if (answer?.success || (answer?.success === undefined && answer?.code === undefined)) return null;
  if (answer?.code === "slow_mode") return say("refusal_slow_mode", Math.ceil(answer.retryAfter ?? 1));
  const key = `refusal_${answer?.code}`;
  return isSayable(key) ? say(key) : say("refused_by_server");
}
