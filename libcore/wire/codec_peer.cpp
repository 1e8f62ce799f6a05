// SPDX-License-Identifier: MIT
// The bytes of what peers say before they are peers, and of what their parts say.
#include "wire/archive.hpp"
#include "wire/channel.hpp"
#include "wire/hello.hpp"
#include "wire/introduction.hpp"

COORD_WIRE_TYPE(coord::wire::PeerHello)
COORD_WIRE_TYPE(coord::wire::IntroductionQuestion)
COORD_WIRE_TYPE(coord::wire::Introduction)
COORD_WIRE_TYPE(coord::wire::ChannelMessage)
