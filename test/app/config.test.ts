import { describe, expect, it, vi } from 'vitest';
import { parseConfig } from '../../daemon/app/config.ts';

const parse = (...words: string[]) => parseConfig(words, {}, 0);

describe('addresses on the command line', () => {
  it('are of this host, both kinds of IP, each with its port', () => {
    expect(parse('--listen', '[::]:7420').peerListen).toEqual({ host: '::', port: 7420 });
    expect(parse('--listen', ':7421').peerListen).toEqual({ host: '0.0.0.0', port: 7421 });
    expect(parse('--api-listen', 'localhost:6443').apiListen).toEqual({ host: '127.0.0.1', port: 6443 });
    expect(parse('--dns-listen', '192.0.2.7:53').dnsListen).toEqual({ host: '192.0.2.7', port: 53 });
    expect(parse('--advertise', '192.0.2.7', '2001:db8::7').advertise).toEqual(['192.0.2.7', '2001:db8::7']);
    expect(parse().advertise).toEqual([]);
  });

  it.each([
    ['--listen', 'host-1:7420'],
    ['--listen', '127.0.0.300:7420'],
    ['--listen', '7420'],
    ['--listen', '0.0.0.0:70000'],
    ['--api-listen', '[fe80::1%eth0]:6443'],
    ['--dns-listen', '127.0.0.300:53'],
    ['--advertise', 'host-1'],
    ['--advertise', '0.0.0.0'],
  ])('are refused before anything is done: %s %s', (option, value) => {
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(() => parse(option, value)).toThrow(new RegExp(`option '${option} <.*' argument '.*' is invalid. Expected .* IP address`));
    } finally {
      said.mockRestore();
    }
  });
});
