/**
 * How our control plane calls itself in `DeltaDiscoveryResponse.control_plane`. istiod puts JSON there, with Component `istiod`.
 *
 * A proxy has to know: in these resources nothing says which services are exported (istio.io/global). Ours tells an east-west
 * gateway of exported services only, istiod tells it of all.
 */
export const CONTROL_PLANE_IDENTIFIER = 'isthmus-control-plane';
