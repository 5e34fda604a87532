/** How two tables of nftables differ, as `nft -s list table` tells them. The order of blocks and of elements says nothing: changes put new ones last. */

type Blocks = ReadonlyMap<string, string>;

/** @returns a line each; empty where they are the same */
export function compareTables(wanted: string, present: string): string[] {
  const [should, does] = [readBlocks(wanted), readBlocks(present)];
  const found: string[] = [];
  for (const [name, body] of should) {
    const there = does.get(name);
    if (there === undefined) found.push(`${name} is missing`);
    else if (there !== body) found.push(...differences(name, body, there));
  }
  for (const name of does.keys()) if (!should.has(name)) found.push(`${name} is not ours`);
  return found;
}

function differences(name: string, wanted: string, present: string): string[] {
  const [should, does] = [elementsOf(wanted), elementsOf(present)];
  if (should === undefined && does === undefined) return [`${name} reads otherwise`];
  const [left, right] = [new Set(should), new Set(does)];
  const missing = [...left].filter((element) => !right.has(element));
  const strange = [...right].filter((element) => !left.has(element));
  if (missing.length + strange.length === 0) return [];
  return [`${name} lacks ${missing.length} elements and has ${strange.length} that are not ours`];
}

/** `chain NAME`, `set NAME`, `map NAME` and what is between their braces, with all white space made one blank. */
function readBlocks(table: string): Blocks {
  const blocks = new Map<string, string>();
  let name = '';
  let body: string[] = [];
  for (const line of table.split('\n')) {
    const opened = /^\t((?:chain|set|map) \S+) \{$/.exec(line);
    if (opened !== null) [name, body] = [opened[1] ?? '', []];
    else if (line === '\t}') blocks.set(name, normal(body.join(' ')));
    else body.push(line);
  }
  return blocks;
}

function normal(body: string): string {
  const text = body.replaceAll(/\s+/g, ' ').trim();
  const elements = elementsOf(text);
  if (elements === undefined) return text;
  // What packets put into a set is theirs.
  const rest = text.replace(/ ?elements = \{.*\}$/, '');
  return rest.includes('dynamic') ? rest : `${rest} elements = { ${[...elements].sort().join(', ')} }`.trim();
}

function elementsOf(body: string): string[] | undefined {
  const inside = /elements = \{ (.*) \}$/.exec(body)?.[1];
  return inside?.split(', ');
}
