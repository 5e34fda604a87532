import { compilePath } from '../../protocol/values/jsonpath.ts';
import { compareQuantities, parseQuantity } from '../../protocol/values/quantity.ts';
import { CliError } from '../errors.ts';
import { asUsage } from './usage.ts';

export type Sort = <T>(items: readonly T[], objectOf: (item: T) => unknown) => T[];

/**
 * Sorts by a field, as `--sort-by` of kubectl: amounts by what they are worth, text so that web-2 comes before web-10, what lacks the field first.
 * @throws CliError where the path is none, or no object has the field
 */
export function sorter(path: string): Sort {
  const find = asUsage(() => compilePath(path));
  return (items, objectOf) => {
    const keyed = items.map((item) => ({ item, key: find(objectOf(item))[0] }));
    const keys = keyed.flatMap(({ key }) => (key === undefined || key === null ? [] : [key]));
    if (items.length > 0 && keys.length === 0) throw new CliError(`couldn't find any field with path "${path}" in the list of objects`);
    const compare = keys.every(isAmount) ? compareQuantities : compareText;
    const order = (left: unknown, right: unknown): number => {
      const [hasLeft, hasRight] = [left !== undefined && left !== null, right !== undefined && right !== null];
      return hasLeft && hasRight ? compare(left as string, right as string) : Number(hasLeft) - Number(hasRight);
    };
    return keyed.sort((left, right) => order(left.key, right.key)).map(({ item }) => item);
  };
}

function isAmount(value: unknown): value is string | number {
  return (typeof value === 'number' || typeof value === 'string') && parseQuantity(value) !== undefined;
}

const wording = new Intl.Collator('en', { numeric: true });

function compareText(left: unknown, right: unknown): number {
  return wording.compare(textOf(left), textOf(right));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
