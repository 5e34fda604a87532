import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findEndpoint, type ConnectionOptions } from '../../cli/connection.ts';

describe('finding the daemon', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'kith-cli-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const kubeconfig = (): string => {
    const file = path.join(folder, 'config');
    writeFileSync(path.join(folder, 'ca.pem'), 'CA');
    writeFileSync(
      file,
      JSON.stringify({
        'current-context': 'home',
        contexts: [
          { name: 'home', context: { cluster: 'one', user: 'me' } },
          { name: 'other', context: { cluster: 'two', user: 'me' } },
        ],
        clusters: [
          { name: 'one', cluster: { server: 'https://one:6443', 'certificate-authority': 'ca.pem' } },
          { name: 'two', cluster: { server: 'https://two:6443', 'certificate-authority-data': Buffer.from('CA2').toString('base64') } },
        ],
        users: [
          {
            name: 'me',
            user: {
              'client-certificate-data': Buffer.from('CERT').toString('base64'),
              'client-key-data': Buffer.from('KEY').toString('base64'),
            },
          },
        ],
      }),
    );
    return file;
  };

  it('takes flags before the environment, and the environment before files', () => {
    const environment = { KITH_SOCKET: '/env.sock', KUBECONFIG: kubeconfig() };
    expect(findEndpoint({ socket: '/flag.sock' }, environment, 1000)).toEqual({ type: 'socket', path: '/flag.sock' });
    expect(findEndpoint({}, environment, 1000)).toEqual({ type: 'socket', path: '/env.sock' });
    expect(findEndpoint({}, { KUBECONFIG: environment.KUBECONFIG }, 1000)).toMatchObject({ server: 'https://one:6443' });
  });

  it('takes a context for one of a kubeconfig, also where a daemon is at hand', () => {
    const environment = { KITH_SOCKET: '/env.sock', KUBECONFIG: kubeconfig() };
    expect(findEndpoint({ context: 'other' }, environment, 1000)).toMatchObject({ server: 'https://two:6443' });
    const other = path.join(folder, 'other');
    writeFileSync(other, 'contexts: [{name: b, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: "https://c:6443"}}]');
    expect(findEndpoint({ context: 'b' }, { KUBECONFIG: `${environment.KUBECONFIG}:${other}` }, 1000)).toMatchObject({
      server: 'https://c:6443',
    });
    expect(() => findEndpoint({ context: 'third' }, environment, 1000)).toThrow('no entry named "third" in contexts');
    expect(() => findEndpoint({ context: 'other' }, { KITH_SOCKET: '/env.sock', HOME: folder }, 1000)).toThrow(/no kubeconfig at/);
  });

  it('takes no token to a socket, where it would give no rights and take none', () => {
    expect(() => findEndpoint({ token: 'x' }, { KITH_SOCKET: '/env.sock' }, 1000)).toThrow('--token means nothing at the socket /env.sock');
  });

  it('reads certificates that stand in a kubeconfig or in files beside it', () => {
    const file = kubeconfig();
    expect(findEndpoint({ kubeconfig: file }, {}, 1000)).toMatchObject({
      server: 'https://one:6443',
      ca: 'CA',
      certificate: 'CERT',
      key: 'KEY',
    });
    expect(findEndpoint({ kubeconfig: file, context: 'other' }, {}, 1000)).toMatchObject({ server: 'https://two:6443', ca: 'CA2' });
  });

  it('lists what it tried when there is none', () => {
    expect(() => findEndpoint({}, { HOME: folder, XDG_RUNTIME_DIR: folder }, 1000)).toThrow(
      /KITH_SOCKET is not set[\s\S]*no socket at[\s\S]*no kubeconfig at[\s\S]*Start one with "kithd"/,
    );
  });

  it('takes the namespace of the context, and a token from the file that the kubeconfig names', () => {
    const file = path.join(folder, 'config');
    const config = {
      'current-context': 'home',
      contexts: [{ name: 'home', context: { cluster: 'one', user: 'me', namespace: 'shop' } }],
      clusters: [{ name: 'one', cluster: { server: 'https://one:6443' } }],
      users: [{ name: 'me', user: { tokenFile: 'token' } }],
    };
    writeFileSync(path.join(folder, 'token'), 'secret\n');
    writeFileSync(file, JSON.stringify(config));
    expect(findEndpoint({ kubeconfig: file }, {}, 1000)).toMatchObject({ namespace: 'shop', token: 'secret' });
    writeFileSync(file, JSON.stringify({ ...config, users: [{ name: 'me', user: { exec: { command: 'login' } } }] }));
    expect(() => findEndpoint({ kubeconfig: file }, {}, 1000)).toThrow('user "me": kith knows no "exec"');
  });

  it.each<[ConnectionOptions, string]>([
    [{ server: '' }, '--server: its value is empty'],
    [{ kubeconfig: '' }, '--kubeconfig: its value is empty'],
    [{ socket: '' }, '--socket: its value is empty'],
    [{ context: '' }, '--context: its value is empty'],
    [{ server: 'https://a:1', token: '' }, '--token: its value is empty'],
    [{ server: 'https://a:1', token: 'a\nb' }, 'the token is empty or has characters that no token has'],
    [{ server: 'unix://' }, 'is no path of a socket'],
    [{ socket: `/${'x'.repeat(200)}` }, 'is no path of a socket'],
    [{ kubeconfig: '/dev/zero' }, '/dev/zero has more than 64 MiB, or no end'],
    [{ kubeconfig: '/' }, 'cannot read /'],
    [{ server: 'https://a:1', certificateAuthority: '/no/such' }, 'cannot read /no/such'],
  ])('refuses %j, which would name another peer or none', (options, why) => {
    expect(() => findEndpoint(options, { KITH_SOCKET: '/env.sock' }, 1000)).toThrow(why);
  });

  it('names the context that a kubeconfig lacks', () => {
    expect(() => findEndpoint({ kubeconfig: kubeconfig(), context: 'nope' }, {}, 1000)).toThrow(/no entry named "nope" in contexts/);
  });
});
