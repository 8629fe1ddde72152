/** Routes of stations as they stand in addresses. All are relative: a proxy may put any path before the server's. */

/** A path of the server's that ends with a route. */
export function addressOf(path, route) {
  return path + route.split("/").map(encodeURIComponent).join("/");
}

/** The station that the address of the page names. */
export function namedRoute() {
  const text = location.hash.slice(1);
  try {
    return decodeURIComponent(text) || "/";
  } catch {
    // It is no encoded text.
    return text;
  }
}
