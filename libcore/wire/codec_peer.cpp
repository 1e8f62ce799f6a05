// The bytes of what peers say before they are peers.
#include "wire/archive.hpp"
#include "wire/hello.hpp"

COORD_WIRE_TYPE(coord::wire::PeerHello)
