/** Whether a CONNECT crossed from another network, as told by `x-forwarded-network` on the inner tunnel. */

/**
 * Compared without regard to ASCII case, as ztunnel does. An empty value counts as another network: only what came
 * through a gateway carries the header, and a sender that does not know its own network is not on ours for certain.
 */
export function isFromAnotherNetwork(forwardedNetwork: string | undefined, network: string): boolean {
  return forwardedNetwork !== undefined && forwardedNetwork.toLowerCase() !== network.toLowerCase();
}
