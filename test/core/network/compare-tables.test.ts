import { describe, expect, it } from 'vitest';
import { compareTables } from '../../../daemon/core/network/compare-tables.ts';

/** As `nft -s list table ip t` tells it. */
const TABLE = `table ip t {
	map services {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.96.0.9 . tcp . 80 : goto in/default/web/tcp/80,
			     10.96.0.10 . tcp . 80 : goto in/default/db/tcp/80 }
	}

	set clients/10/web {
		type ipv4_addr
		size 65535
		flags dynamic,timeout
		timeout 10s
		elements = { 10.42.1.7 expires 3s }
	}

	set hairpin {
		type ipv4_addr . ipv4_addr
	}

	chain in/default/web/tcp/80 {
		ct mark set ct mark | 0x00800000
		meta l4proto tcp dnat to 10.42.1.2:8080
	}

	chain dispatch {
		ip daddr . meta l4proto . th dport vmap @services
	}
}
`;

describe('two tables of the kernel', () => {
  it('are the same whatever the order of blocks and elements, and whoever packets remember', () => {
    const chain = /\tchain dispatch \{[^}]*\}\n/.exec(TABLE)![0];
    const other = TABLE.replace(chain, '')
      .replace('table ip t {\n', `table ip t {\n${chain}`)
      .replace(/10.96.0.9 (.*),\n\s+10.96.0.10 (.*) \}/, '10.96.0.10 $2, 10.96.0.9 $1 }')
      .replace(/\t\telements = \{ 10.42.1.7.*\n/, '');
    expect(other).not.toBe(TABLE);
    expect(compareTables(TABLE, other)).toEqual([]);
    expect(compareTables(other, TABLE)).toEqual([]);
  });

  it('differ in what is missing, what reads otherwise and what is not ours', () => {
    const other = TABLE.replace(/\tchain dispatch \{[^}]*\}\n/, '\tchain mine {\n\t\taccept\n\t}\n')
      .replace('dnat to 10.42.1.2:8080', 'dnat to 10.42.1.3:8080')
      .replace(/10.96.0.9 (.*),\n\s+10.96.0.10 (.*) \}/, '10.96.0.10 $2 }')
      .replace('type ipv4_addr . ipv4_addr\n', 'type ipv4_addr . ipv4_addr\n\t\telements = { 10.0.0.1 . 10.0.0.1 }\n');
    expect(compareTables(TABLE, other)).toEqual([
      'map services lacks 1 elements and has 0 that are not ours',
      'set hairpin lacks 0 elements and has 1 that are not ours',
      'chain in/default/web/tcp/80 reads otherwise',
      'chain dispatch is missing',
      'chain mine is not ours',
    ]);
  });
});
