// Keep files of this site in the browser, so that the page opens without a connection after its first time.

const NAME = "reader";

/**
 * Keep these files of the site, and no others. Returns whether they are kept: browsers allow it where
 * the page comes from this machine or over https.
 */
export async function keep(files) {
  try {
    await navigator.serviceWorker.register("offline.js");
    const kept = await caches.open(NAME);
    const wanted = new Set(files.map((file) => new URL(file, document.baseURI).href));
    for (const request of await kept.keys()) if (!wanted.has(request.url)) await kept.delete(request);
    await kept.addAll(wanted);
    return true;
  } catch {
    return false;
  }
}
