import { BlockList, isIP } from 'node:net'

export type AddressFilter = (address: string) => boolean

/**
 * Which addresses strangers may make this process connect to: those of the public internet, and `networks` (addresses, or
 * CIDR). What is no plain address, such as one with an IPv6 zone, may not be connected to.
 */
export function createAddressFilter(networks: readonly string[]): AddressFilter {
  const [configured, special, handedOut] = [listOf(networks), listOf(specialPurpose), listOf(['2000::/3'])]
  return address => {
    const version = isIP(address)
    if (version === 0 || address.includes('%')) return false
    const family = version === 4 ? 'ipv4' : 'ipv6'
    if (configured.check(address, family)) return true
    /*
     * The one part of IPv6 that hosts get addresses from. Outside are loopback, unspecified, link-local, site-local, unique
     * local (with metadata addresses of clouds) and multicast ones, and the forms in which IPv4 is mapped (::ffff:0:0/96),
     * compatible (::/96) and translated (64:ff9b::/96), which would be ways around the rows for IPv4.
     */
    if (version === 6 && !handedOut.check(address, family)) return false
    return !special.check(address, family)
  }
}

/** RFC 6890 and the registries that it founded; each row as it stands there. */
const specialPurpose = [
  // this network
  '0.0.0.0/8',
  // private use
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  // shared between a carrier and its customers
  '100.64.0.0/10',
  '127.0.0.0/8',
  // link-local, with the metadata address of most clouds
  '169.254.0.0/16',
  // IETF protocols, with the metadata address of Oracle's
  '192.0.0.0/24',
  // documentation
  ...['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'],
  // relays of 6to4
  '192.88.99.0/24',
  // benchmarks
  '198.18.0.0/15',
  // multicast; reserved, and broadcast
  ...['224.0.0.0/4', '240.0.0.0/4'],
  // In no registry: from inside of Azure, the agent of the host answers here.
  '168.63.129.16/32',
  // IETF protocols: Teredo, benchmarks, ORCHID
  '2001::/23',
  // documentation
  ...['2001:db8::/32', '3fff::/20'],
  // 6to4
  '2002::/16',
]

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}
