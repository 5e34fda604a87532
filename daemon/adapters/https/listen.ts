import type { ListenOptions, Server } from 'node:net';
import { KithError } from '../../../protocol/errors.ts';

/**
 * Listens, or says which flag to change.
 * @throws KithError `AddressInUse` | `AddressUnavailable`
 */
export async function listen(server: Server, options: ListenOptions, flag: string): Promise<void> {
  const where = options.path ?? `${options.host ?? ''}:${options.port ?? 0}`;
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const inUse = error.code === 'EADDRINUSE';
      const why = inUse ? 'another program listens there' : error.message;
      const message = `can't listen on ${where}: ${why}; choose another with ${flag}`;
      reject(new KithError(inUse ? 'AddressInUse' : 'AddressUnavailable', message, { where, flag }, { cause: error }));
    };
    server.once('error', onError);
    server.listen(options, () => {
      server.off('error', onError);
      resolve();
    });
  });
}
