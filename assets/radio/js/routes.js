/** Routes of stations as they stand in addresses. All are relative: a proxy may put any path before the server's. */

/** A path of the server's that ends with a route. */
export function addressOf(path, route) {
  return path + route.split("/").map(encodeURIComponent).join("/");
}

/** The page of a station. The station at `/` goes by a name of its own there. */
export function pageOf(route) {
  return withKey(addressOf("web", nameOf(route)));
}

/** The player of a station for frames of other sites. */
export function embedOf(route) {
  return withKey(addressOf("web", nameOf(route)), { embed: "" });
}

/** A cover by the address that the server gives, which may not be the one that it is seen at. */
export function coverAddress(cover) {
  return withKey(`cover/${cover.split("/").at(-1)}`);
}

function nameOf(route) {
  return route === "/" ? "/stream" : route;
}

/** The station whose page this is. */
export function pageRoute() {
  return document.querySelector('meta[name="roomhub-route"]')?.content;
}

/** The station that the address of the page names behind its hash. */
export function namedRoute() {
  const text = location.hash.slice(1);
  try {
    return decodeURIComponent(text) || "/";
  } catch {
    // It is no encoded text.
    return text;
  }
}

/** The key to hear stations by that the address of the page names. */
const key = new URLSearchParams(location.search).get("key");

/** An address with `values` as its query, and that key. */
export function withKey(address, values = {}) {
  const query = new URLSearchParams(key ? { ...values, key } : values).toString();
  return query ? `${address}?${query}` : address;
}
