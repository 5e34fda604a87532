import http from 'node:http';

interface EngineContainer {
  Id: string;
  Labels: Record<string, string>;
}

/** The few calls of the Docker Engine API that tests and the demo need to look behind the daemon's back. */
export class EngineProbe {
  readonly #socketPath: string;

  /** @param url `unix:///PATH` */
  constructor(url: string) {
    this.#socketPath = url.replace(/^unix:\/\//, '');
  }

  /** Running containers with the label `kith.dev/node` of this node; the node names of one test or demo are its own. */
  async running(node: string): Promise<EngineContainer[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [`kith.dev/node=${node}`], status: ['running'] }));
    return JSON.parse(await this.#call('GET', `/containers/json?filters=${filters}`)) as EngineContainer[];
  }

  async kill(id: string): Promise<void> {
    await this.#call('POST', `/containers/${id}/kill`);
  }

  /** Every container and network that carries the label, whatever its state. */
  async removeAll(node: string): Promise<void> {
    const filters = encodeURIComponent(JSON.stringify({ label: [`kith.dev/node=${node}`] }));
    const all = JSON.parse(await this.#call('GET', `/containers/json?all=true&filters=${filters}`)) as EngineContainer[];
    for (const { Id } of all) await this.#call('DELETE', `/containers/${Id}?force=true&v=true`);
    const networks = JSON.parse(await this.#call('GET', `/networks?filters=${filters}`)) as { Id: string }[];
    // One that somebody else's container sits in stays theirs to remove.
    for (const { Id } of networks) await this.#call('DELETE', `/networks/${Id}`).catch(() => undefined);
  }

  /** Ids of images that a daemon made itself, for want of a registry. */
  async madeImages(): Promise<string[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: ['kith.dev/made=true'] }));
    const images = JSON.parse(await this.#call('GET', `/images/json?filters=${filters}`)) as { Id: string }[];
    return images.map(({ Id }) => Id);
  }

  /** All its tags, and the image. One that a container uses stays. */
  async removeImage(id: string): Promise<void> {
    const { RepoTags } = JSON.parse(await this.#call('GET', `/images/${id}/json`)) as { RepoTags?: string[] | null };
    for (const tag of RepoTags ?? []) await this.#call('DELETE', `/images/${tag}`);
    await this.#call('DELETE', `/images/${id}`);
  }

  async #call(method: string, path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = http.request({ socketPath: this.#socketPath, method, path, timeout: 30_000 }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        // 404 and 409: it is gone or not running already, which is what was wanted.
        response.on('end', () =>
          (response.statusCode ?? 500) < 400 || [404, 409].includes(response.statusCode ?? 0) ? resolve(text) : reject(new Error(text)),
        );
      });
      request.once('error', reject);
      request.end();
    });
  }
}
