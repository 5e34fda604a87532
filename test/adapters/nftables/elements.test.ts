import { expect, it } from 'vitest';
import { elementsOf } from '../../../daemon/adapters/nftables/nftables.ts';

/** As nft 1.0.6 lists a table. */
const LISTED = `table ip kith_test {
	map services {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.96.0.9 . tcp . 80 : goto in/default/web/tcp/80 }
	}

	set clients/600/in/default/web/tcp/80/10.42.1.2/80 {
		type ipv4_addr
		size 65535
		flags dynamic,timeout
		timeout 10m
		elements = { 10.42.1.9 expires 9m59s996ms, 10.42.1.10 expires 12s,
			     10.42.1.11 expires 1s }
	}

	map moved {
		typeof ip saddr . udp sport . ip daddr . udp dport : ct zone
		size 65535
		flags dynamic,timeout
		timeout 1h
		elements = { 10.9.1.2 . 5555 . 10.96.0.9 . 7000 expires 9m58s996ms : 1 }
	}

	set empty {
		type ipv4_addr
	}

	chain moved {
		ip daddr { 10.0.0.1 } accept
	}
}
`;

it('what the kernel filled is read off the text of nft, set by set', () => {
  const clients = 'clients/600/in/default/web/tcp/80/10.42.1.2/80';
  expect(elementsOf(LISTED, new Set([clients, 'moved', 'empty', 'unknown']))).toEqual(
    new Map([
      [clients, ['10.42.1.9 expires 9m59s996ms', '10.42.1.10 expires 12s', '10.42.1.11 expires 1s']],
      ['moved', ['10.9.1.2 . 5555 . 10.96.0.9 . 7000 expires 9m58s996ms : 1']],
    ]),
  );
});
