import { formatQuantity, parseQuantity, type Quantity } from '../../../protocol/values/quantity.ts';

/** Amounts by resource, exact. A resource that is not there is none of it. */
export type Amounts = Map<string, Quantity>;

/** What is no quantity counts as nothing: validation refuses it, and one that got in all the same harms only its own object. */
export function amountsFrom(texts: Readonly<Record<string, string | number>> | undefined): Amounts {
  return new Map(
    Object.entries(texts ?? {}).flatMap(([name, text]) => {
      const quantity = parseQuantity(text);
      return quantity === undefined ? [] : [[name, quantity] as const];
    }),
  );
}

export function count(number: number): Quantity {
  return { nanos: BigInt(number) * 1_000_000_000n, format: 'DecimalSI' };
}

export function addAmount(total: Amounts, name: string, amount: Quantity): void {
  const known = total.get(name);
  total.set(
    name,
    known === undefined ? amount : { nanos: known.nanos + amount.nanos, format: known.nanos === 0n ? amount.format : known.format },
  );
}

export function addAmounts(total: Amounts, more: Amounts): void {
  for (const [name, amount] of more) addAmount(total, name, amount);
}

export function nanosOf(amounts: Amounts, name: string): bigint {
  return amounts.get(name)?.nanos ?? 0n;
}

export function textsOf(amounts: Amounts): Record<string, string> {
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, formatQuantity(amount)]));
}
