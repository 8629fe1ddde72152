/** Sizes of files as people read them. */

import { languageTag } from "../common/texts.js";

const GIB = 2 ** 30;

/** 1.4 GB, 350 MB. */
export function megabytes(bytes) {
  const isLarge = bytes >= GIB;
  const number = isLarge ? bytes / GIB : bytes / 2 ** 20;
  const digits = new Intl.NumberFormat(languageTag(), { maximumFractionDigits: number < 10 ? 1 : 0 }).format(number);
  return `${digits} ${isLarge ? "GB" : "MB"}`;
}
