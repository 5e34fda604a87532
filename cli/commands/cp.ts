import type { Command } from 'commander';
import { contextOf, type Terminal } from '../context.ts';
import { copyFromPod, copyToPod, type PodPlace } from '../copying.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { defaultContainer, podOf } from '../pods.ts';

export function addCp(program: Command, terminal: Terminal): void {
  program
    .command('cp')
    .description('Copy a file or a folder to a container or from one; a folder needs tar on both sides')
    .argument('<source>', 'PATH here, or POD:PATH')
    .argument('<target>', 'PATH here, or POD:PATH; into it, where it is a folder')
    .option('-c, --container <name>', 'of a pod with several')
    .addHelpText('after', '\nExamples:\n  kith cp site.conf web:/etc/nginx/conf.d/site.conf\n  kith cp web:/var/log/nginx ./logs')
    .action(async (source: string, target: string, { container }: { container?: string }, command: Command) => {
      const context = contextOf(command, terminal);
      const [from, to] = [inPod(source), inPod(target)];
      if ((from === undefined) === (to === undefined))
        throw new CliError('one of the two has to be in a pod, and the other here: kith cp PATH POD:PATH', EXIT_USAGE);
      const place = async (named: { pod: string; path: string }): Promise<PodPlace> => {
        const pod = await podOf(context, named.pod);
        return { pod, container: container ?? defaultContainer(context, pod), path: named.path };
      };
      if (from !== undefined) await copyFromPod(context, await place(from), target);
      else if (to !== undefined) await copyToPod(context, source, await place(to));
    });
}

/** `POD:PATH`; what begins with a dot or a slash is here, whatever follows. */
function inPod(text: string): { pod: string; path: string } | undefined {
  const colon = text.indexOf(':');
  if (colon < 0 || /^[./]/.test(text)) return undefined;
  const [pod, path] = [text.slice(0, colon), text.slice(colon + 1)];
  if (pod === '' || path === '') throw new CliError(`"${text}": say which file of which pod: POD:PATH`, EXIT_USAGE);
  return { pod, path };
}
