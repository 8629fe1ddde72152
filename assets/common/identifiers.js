/** Room codes and track ids made up in the page. */

/** Letters and digits that nobody confuses when they are read aloud; 32 of them, so that `& 31` is fair. */
const READABLE = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const ROOM_CODE = /^[A-HJ-NP-Z2-9]{6}$/;

export function freshRoomCode() {
  return readable(6);
}

export function freshId() {
  return readable(12);
}

/** The room code that `typed` means: `abcdef` is the room `ABCDEF`; null if it is not a code in small letters. */
export function inCapitals(typed) {
  const code = typed.toUpperCase();
  return code !== typed && ROOM_CODE.test(code) ? code : null;
}

function readable(length) {
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => READABLE[byte & 31]).join("");
}
