// SPDX-License-Identifier: MIT
// Binding to an address that this host does not have yet: a network may be set up after boot (ip(7),
// IP_FREEBIND; for IPv6 the same).
#pragma once

#include <netinet/in.h>

#include <boost/asio/detail/socket_option.hpp>

namespace coord::net {

using FreeBind = boost::asio::detail::socket_option::boolean<IPPROTO_IP, IP_FREEBIND>;

}  // namespace coord::net
