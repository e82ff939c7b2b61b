// The page's side of the worker: asks it to load detectors and to read films.

// A worker from the page's own text is under the page's content policy, so that it has no connection
// but to this site either; one from a file would be under none.
const START = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;

export class Reader {
  #waiting = new Map(); // number of a task -> functions that settle it
  #number = 0;
  #worker = null; // started by the first task, and by the first after one that broke it

  /** Return what is known of a detector (detector.json). Throws an Error with the reason. */
  load = (name) => this.#ask({ task: "load", name });

  /** Return the answers of detectors for a film. Throws an Error with the reason. */
  read = (file, names, show = false) => this.#ask({ task: "read", file, names, show });

  #ask(task) {
    return new Promise((resolve, reject) => {
      this.#waiting.set(++this.#number, { resolve, reject });
      this.#worker ??= this.#started();
      this.#worker.postMessage({ id: this.#number, ...task });
    });
  }

  #started() {
    const address = URL.createObjectURL(new Blob([START], { type: "text/javascript" }));
    const worker = new Worker(address, { type: "module" });
    worker.onmessage = ({ data: { id, result, reason, cause } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      reason ? reject(new Error(reason, { cause })) : resolve(result);
    };
    worker.onerror = () => {
      for (const { reject } of this.#waiting.values()) {
        reject(new Error("too large for the memory of this browser"));
      }
      this.#waiting.clear();
      worker.terminate();
      this.#worker = null;
    };
    return worker;
  }
}
