import { KithError } from '../errors.ts';

/**
 * kubectl's JSONPath dialect: text outside `{}` is literal, `{.a.b[0]['c']}`, `[*]`, `[1:3]`, negative indexes, `..name`, `{range …}…{end}`,
 * `{"quoted"}` with \n and \t, and filters `[?(@.name=="x")]` with == != < > <= >=.
 * Source: kubernetes.io/docs/reference/kubectl/jsonpath.
 */
export function evaluateJsonPath(template: string, root: unknown): string {
  return compileJsonPath(template)(root);
}

/** @throws KithError `InvalidJsonPath` */
export function compileJsonPath(template: string): (root: unknown) => string {
  const nodes = parseTemplate(template);
  return (root) => render(nodes, root, root);
}

/**
 * What a single path finds, as `--sort-by` and custom columns take it: `.a.b`, `a.b` and `{.a.b}` are the same.
 * @throws KithError `InvalidJsonPath`
 */
export function compilePath(text: string): (root: unknown) => unknown[] {
  const path = /^\{\s*([^{}]+?)\s*\}$|^([^{}]+)$/.exec(text);
  if (path === null) throw wrong(text, "expected a path such as '.metadata.name' or '{.metadata.name}'");
  const steps = parsePath((path[1] ?? path[2] ?? '').trim());
  return (root) => select(steps, root, root);
}

type TemplateNode =
  { type: 'text'; text: string } | { type: 'path'; steps: Step[] } | { type: 'range'; steps: Step[]; body: TemplateNode[] };

type Step =
  | { type: 'current' }
  | { type: 'field'; name: string }
  | { type: 'descend'; name: string }
  | { type: 'all' }
  | { type: 'slice'; from?: number; to?: number; step: number }
  | { type: 'index'; index: number }
  | { type: 'filter'; left: Step[]; operator: Operator | undefined; right: unknown };

type Operator = '==' | '!=' | '<=' | '>=' | '<' | '>';

function render(nodes: readonly TemplateNode[], current: unknown, root: unknown): string {
  let out = '';
  for (const node of nodes) {
    if (node.type === 'text') out += node.text;
    else if (node.type === 'path') out += select(node.steps, current, root, true).map(valueText).join(' ');
    else for (const item of select(node.steps, current, root)) out += render(node.body, item, root);
  }
  return out;
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** `strict`: as kubectl, an index beyond a list is an error, so that a script does not go on with nothing. @throws KithError `InvalidJsonPath` */
function select(steps: readonly Step[], current: unknown, root: unknown, strict = false): unknown[] {
  let found: unknown[] = [current];
  for (const step of steps) found = found.flatMap((value) => advance(step, value, root, strict));
  return found;
}

function advance(step: Step, value: unknown, root: unknown, strict = false): unknown[] {
  switch (step.type) {
    case 'current':
      return [value];
    case 'field': {
      if (value === null || typeof value !== 'object' || Array.isArray(value)) return [];
      const member = (value as Record<string, unknown>)[step.name];
      return member === undefined ? [] : [member];
    }
    case 'descend':
      return descendants(value).flatMap((inner) => advance({ type: 'field', name: step.name }, inner, root));
    case 'all':
      if (value === null || typeof value !== 'object') return [];
      return Array.isArray(value) ? value : Object.values(value);
    case 'index':
      if (!Array.isArray(value)) return [];
      if (value.at(step.index) !== undefined) return [value.at(step.index)];
      if (!strict) return [];
      throw new KithError('InvalidJsonPath', `jsonpath: array index out of bounds: index ${step.index}, length ${value.length}`);
    case 'slice':
      return Array.isArray(value) ? value.slice(step.from, step.to).filter((_, index) => index % step.step === 0) : [];
    case 'filter':
      return (Array.isArray(value) ? value : []).filter((item) => passes(step, item, root));
  }
}

function descendants(value: unknown): unknown[] {
  if (value === null || typeof value !== 'object') return [];
  return [value, ...Object.values(value).flatMap(descendants)];
}

function passes(filter: Extract<Step, { type: 'filter' }>, item: unknown, root: unknown): boolean {
  const left = select(filter.left, item, root);
  if (filter.operator === undefined) return left.length > 0;
  return left.some((value) => compare(value, filter.operator ?? '==', filter.right));
}

function compare(left: unknown, operator: Operator, right: unknown): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  if (typeof left === 'number' && typeof right === 'number') return ordered(Math.sign(left - right), operator);
  if (typeof left === 'string' && typeof right === 'string') return ordered(left < right ? -1 : left > right ? 1 : 0, operator);
  return false;
}

function ordered(sign: number, operator: Operator): boolean {
  if (operator === '<') return sign < 0;
  if (operator === '>') return sign > 0;
  return operator === '<=' ? sign <= 0 : sign >= 0;
}

function parseTemplate(template: string): TemplateNode[] {
  const stack: { steps: Step[]; body: TemplateNode[] }[] = [{ steps: [], body: [] }];
  const add = (node: TemplateNode): void => void stack.at(-1)?.body.push(node);
  // A bare path without braces is allowed, as in `-o jsonpath=.items`.
  const source = template.includes('{') ? template : `{${template}}`;
  let position = 0;
  while (position < source.length) {
    const open = source.indexOf('{', position);
    if (open < 0) {
      add({ type: 'text', text: source.slice(position) });
      break;
    }
    if (open > position) add({ type: 'text', text: source.slice(position, open) });
    const close = closingBrace(source, open);
    const action = source.slice(open + 1, close).trim();
    if (action.startsWith('range ')) stack.push({ steps: parsePath(action.slice('range '.length).trim()), body: [] });
    else if (action === 'end') {
      const done = stack.pop();
      if (done === undefined || stack.length === 0) throw wrong(template, '{end} without {range}');
      add({ type: 'range', steps: done.steps, body: done.body });
    } else if (/^["']/.test(action)) add({ type: 'text', text: unquote(action) });
    else add({ type: 'path', steps: parsePath(action) });
    position = close + 1;
  }
  if (stack.length > 1) throw wrong(template, '{range} without {end}');
  return stack[0]?.body ?? [];
}

function closingBrace(source: string, open: number): number {
  let quote = '';
  for (let index = open + 1; index < source.length; index += 1) {
    const character = source.charAt(index);
    if (quote !== '') {
      if (character === '\\') index += 1;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '}') return index;
  }
  throw wrong(source, 'unclosed {');
}

const STEP =
  /^(?:\.\.(?<descend>[\w$-]+)|\.(?<field>(?:[\w$/-]|\\.)+)|\.?\[\s*(?:(?<quote>['"])(?<quoted>(?:(?!\k<quote>).)*)\k<quote>|(?<all>\*)|(?<index>-?\d+)|(?<slice>-?\d*:-?\d*(?::\d+)?)|\?\((?<filter>(?:[^()"']|"[^"]*"|'[^']*')*)\))\s*\]|\.(?<star>\*)|(?<dot>\.)|(?<at>@|\$)|(?<bare>[\w-]+))/;

function parsePath(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path;
  while (rest !== '') {
    const match = STEP.exec(rest);
    if (match === null) throw wrong(path, `unexpected "${rest.slice(0, 20)}"`);
    steps.push(toStep(match.groups ?? {}, path));
    rest = rest.slice(match[0].length);
  }
  return steps;
}

function toStep(groups: Record<string, string | undefined>, path: string): Step {
  if (groups.descend !== undefined) return { type: 'descend', name: groups.descend };
  if (groups.field !== undefined) return { type: 'field', name: groups.field.replaceAll(/\\(.)/g, '$1') };
  if (groups.quoted !== undefined) return { type: 'field', name: groups.quoted };
  if (groups.bare !== undefined) return { type: 'field', name: groups.bare };
  if (groups.all !== undefined || groups.star !== undefined) return { type: 'all' };
  if (groups.index !== undefined) return { type: 'index', index: Number(groups.index) };
  if (groups.slice !== undefined) {
    const [from, to, step] = groups.slice.split(':').map((part) => (part === '' ? undefined : Number(part)));
    return { type: 'slice', from, to, step: step ?? 1 };
  }
  if (groups.filter !== undefined) return parseFilter(groups.filter, path);
  return { type: 'current' };
}

function parseFilter(text: string, path: string): Step {
  const match = /^\s*(@[^=!<>]*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*$/.exec(text);
  if (match === null) throw wrong(path, `cannot read the filter (${text})`);
  const right = match[3];
  return {
    type: 'filter',
    left: parsePath(match[1] ?? ''),
    operator: match[2] as Operator | undefined,
    right: right === undefined ? undefined : literal(right, path),
  };
}

function literal(text: string, path: string): unknown {
  if (/^["']/.test(text)) return unquote(text);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw wrong(path, `cannot read the value ${text}`);
  }
}

function unquote(text: string): string {
  const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r' };
  return text.slice(1, -1).replaceAll(/\\(.)/g, (_, character: string) => escapes[character] ?? character);
}

function wrong(template: string, what: string): KithError {
  return new KithError('InvalidJsonPath', `jsonpath ${JSON.stringify(template)}: ${what}`, { template });
}
