/** Where the page is, also under a path that a proxy put it at: `https://example.org/music/`. */

export const base = new URL(".", location.href);
