// The files of what is dropped on the page, folders at any depth.

/** Return the files of a DataTransfer, in the order of their paths; each file of a folder has its `path`. */
export async function filesOf({ items }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const files = (await Promise.all(entries.map(within))).flat();
  return files.sort((one, other) => one.path.localeCompare(other.path, undefined, { numeric: true }));
}

async function within(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [Object.assign(file, { path: entry.fullPath.slice(1) })];
  }
  const directory = entry.createReader();
  const files = [];
  // A directory is read in parts, until an empty one.
  for (;;) {
    const some = await new Promise((resolve, reject) => directory.readEntries(resolve, reject));
    if (!some.length) return files;
    files.push(...(await Promise.all(some.map(within))).flat());
  }
}
