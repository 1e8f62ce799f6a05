// SPDX-License-Identifier: MIT
#include "net/local_address.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>

namespace coord::net {

// The kernel lets a socket be bound to these only.
std::optional<bool> is_local(const NameLookup::Found& found) {
  if (!found) return found.error().kind == ErrorKind::data ? std::optional(false) : std::nullopt;
  boost::asio::io_context io(1);
  for (const auto& address : *found) {
    const boost::asio::ip::udp::endpoint there(address, 0);
    boost::asio::ip::udp::socket socket(io);
    boost::system::error_code refused;
    socket.open(there.protocol(), refused);
    if (!refused) socket.bind(there, refused);
    if (!refused) return true;
  }
  return false;
}

std::optional<bool> is_local(const std::string& host, Duration patience) {
  if (host.empty()) return false;
  boost::asio::io_context io(1);
  const auto name_is_looked_up = boost::asio::make_work_guard(io);
  std::optional<bool> is;
  NameLookup lookup(io);
  lookup.find(host, [&](const NameLookup::Found& found) {
    is = is_local(found);
    io.stop();
  });
  io.run_for(std::chrono::duration_cast<std::chrono::milliseconds>(patience));
  return is;
}

}  // namespace coord::net
