import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './mutants/mutant.ts';

/** What `.ci/build.mjs` gives: plain JavaScript, since it runs before anything is built. */
interface BuildScript {
  root: string;
  bundleInto(outdir: string, entries: Record<string, string>, plugins: unknown[]): Promise<void>;
}

/** The source with the bug in it. @throws Error when the text that it takes the place of is not there exactly once: the mutant must follow the code */
export async function planted(root: string, { name, edits }: Mutant): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const full = path.join(root, file);
    const text = texts.get(full) ?? (await readFile(full, 'utf8'));
    const count = text.split(find).length - 1;
    if (count !== 1)
      throw new Error(
        `mutant ${name}: its text occurs ${count} times in ${file}, not once: change the mutant along with the code\n${find}`,
      );
    texts.set(
      full,
      text.replace(find, () => replace),
    );
  }
  return texts;
}

/** Bundles a simulator with the bug in it, into a folder below the project's own, where its dependencies are found. @returns the program */
export async function buildMutant(mutant: Mutant, outdir: string): Promise<URL> {
  const script = (await import(pathToFileURL(path.join(process.cwd(), '.ci', 'build.mjs')).href)) as BuildScript;
  const texts = await planted(script.root, mutant);
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  const plugin = {
    name: 'plant-a-bug',
    setup(builder: { onLoad(options: { filter: RegExp }, load: (found: { path: string }) => unknown): void }): void {
      builder.onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
        const contents = texts.get(file);
        return contents === undefined ? undefined : { contents, loader: 'ts' };
      });
    },
  };
  await script.bundleInto(outdir, { simulate: path.join(script.root, 'test/simulator/simulate.ts') }, [plugin]);
  return pathToFileURL(path.join(outdir, 'simulate.js'));
}
