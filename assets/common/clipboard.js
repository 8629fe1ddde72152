/** Copying text. The clipboard exists only on secure origins; on others the browser's old command does. */

/** Copies what stands in `input`, and resolves to whether that went well. */
export async function copyFrom(input) {
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    input.select();
    return document.execCommand("copy");
  }
}
