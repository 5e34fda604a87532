import { describe, expect, it } from 'vitest';
import { AddressBook } from '../../../daemon/adapters/docker/addresses.ts';
import { engineParts, POD_SUBNETS, podAddresses } from '../../../daemon/adapters/docker/subnet.ts';
import { parseSubnet as parse } from '../../../protocol/values/ipv4.ts';

const parseSubnet = (text: string): ReturnType<typeof parse> => parse(text, POD_SUBNETS);
const pod = (uid: string): { uid: string; namespace: string; name: string } => ({ uid, namespace: 'default', name: uid });

describe('subnets', () => {
  it('leave the engine its gateway and its last sixteenth', () => {
    const subnet = parseSubnet('10.42.7.0/24');
    expect(engineParts(subnet)).toEqual({ gateway: '10.42.7.1', range: '10.42.7.240/28' });
    expect(podAddresses(subnet)).toEqual({ first: subnet.base + 2, count: 238 });
  });

  it.each(['10.42.7.1/24', '10.42.0.0/8', '10.42.0.0/30', '300.1.1.0/24', 'fd00::/64', ''])('"%s" is none', (text) => {
    expect(() => parseSubnet(text)).toThrow(/10\.42\.7\.0\/24/);
  });
});

describe('the book of addresses', () => {
  const small = parseSubnet('10.42.0.0/28');

  it('gives each pod one address, until none is left', () => {
    const book = new AddressBook();
    const { count } = podAddresses(small);
    const given = Array.from({ length: count }, (_, index) => book.take(pod(`p${index}`), false, small));
    expect(new Set(given).size).toBe(count);
    expect(book.take(pod('more'), false, small)).toBeUndefined();
    expect(book.take(pod('p3'), false, small)).toBe(given[3]);
    book.release('p3');
    expect(book.take(pod('more'), false, small)).toBe(given[3]);
  });

  it('lets an address rest as long as there are others', () => {
    const book = new AddressBook();
    const first = book.take(pod('a'), false, small);
    book.release('a');
    expect(book.take(pod('b'), false, small)).not.toBe(first);
  });

  it('does not give what is adopted or refused, and renumbers what is outside of the subnet', () => {
    const book = new AddressBook();
    book.adopt({ ...pod('old'), address: '10.42.0.2', paused: false });
    book.adopt({ ...pod('moved'), address: '10.99.0.2', paused: false });
    expect(book.take(pod('new'), false, small, new Set(['10.42.0.3']))).toBe('10.42.0.4');
    expect(book.take(pod('moved'), false, small)).toBe('10.42.0.5');
    expect(book.take(pod('old'), false, small)).toBe('10.42.0.2');
  });
});
