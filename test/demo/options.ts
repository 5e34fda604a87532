import { existsSync } from 'node:fs';
import http from 'node:http';

export interface DemoOptions {
  once: boolean;
  runtime: 'docker' | 'process';
  dockerHost: string | undefined;
  keep: boolean;
}

const USAGE = `Usage: npm run demo [-- --once] [-- --runtime docker|process]

  --once              tell the story, tear everything down, exit (also KITH_DEMO_ONCE=1)
  --runtime WHICH     docker or process (also KITH_DEMO_RUNTIME); default: docker where an engine answers
`;

const ENGINE_TIMEOUT_MS = 2_000;

/** @returns undefined after help was printed. @throws Error with a message for the person. */
export async function parseDemoOptions(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<DemoOptions | undefined> {
  const options: DemoOptions = {
    once: environment.KITH_DEMO_ONCE === '1',
    runtime: 'process',
    dockerHost: environment.DOCKER_HOST,
    keep: false,
  };
  let runtime = environment.KITH_DEMO_RUNTIME;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--help' || word === '-h') {
      process.stdout.write(USAGE);
      return undefined;
    }
    if (word === '--once') options.once = true;
    else if (word === '--runtime') runtime = words[++index] ?? '';
    else if (word.startsWith('--runtime=')) runtime = word.slice('--runtime='.length);
    else throw new Error(`unknown option ${word}\n${USAGE}`);
  }
  const engine = await engineAnswers(options.dockerHost);
  if (runtime === undefined || runtime === '') options.runtime = engine === undefined ? 'process' : 'docker';
  else if (runtime === 'docker' || runtime === 'process') options.runtime = runtime;
  else throw new Error(`--runtime ${runtime}: expected docker or process`);
  if (options.runtime === 'docker') {
    if (engine === undefined)
      throw new Error(
        '--runtime docker: no Docker engine answers (DOCKER_HOST, then /var/run/docker.sock); start one, or take --runtime process',
      );
    options.dockerHost = engine;
  }
  return options;
}

/** A docker command on the path proves nothing: the engine itself must answer. @returns its URL. */
async function engineAnswers(dockerHost: string | undefined): Promise<string | undefined> {
  const url = dockerHost ?? 'unix:///var/run/docker.sock';
  const socketPath = url.startsWith('unix://') ? url.slice('unix://'.length) : undefined;
  if (socketPath === undefined || !existsSync(socketPath)) return undefined;
  return new Promise((resolve) => {
    const request = http.get({ socketPath, path: '/_ping', timeout: ENGINE_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? url : undefined);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(undefined));
  });
}
