/** A cover in a page: that of a track, or else nothing, or the radio's own sign. */

import { coverAddress } from "./routes.js";

const SIGN = "assets/icon.svg";

/** Shows `cover` in `image`; without one, the sign if `isSigned`, or else nothing. */
export function showCover(image, cover, isSigned = false) {
  const address = cover ? coverAddress(cover) : SIGN;
  image.hidden = !cover && !isSigned;
  image.classList.toggle("is-sign", !cover);
  if (image.getAttribute("src") === address || image.dataset.missing === address) return;
  // What is gone meanwhile is not asked for again and again.
  image.onerror = () => {
    image.dataset.missing = address;
    image.src = SIGN;
    image.classList.add("is-sign");
    image.onerror = null;
  };
  image.src = address;
}
