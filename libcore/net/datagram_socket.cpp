// SPDX-License-Identifier: MIT
#include "net/datagram_socket.hpp"

#include <fcntl.h>

#include <boost/asio/ip/v6_only.hpp>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "net/free_bind.hpp"
#include "net/steady_now.hpp"

namespace coord::net {

using boost::asio::ip::udp;
using boost::system::error_code;

namespace {

constexpr int datagrams_a_turn = 64;
// A peer that was started again is sent some of its former life.
constexpr std::uint32_t unopened_until_told = 10;  // a minute

// As a socket of that family names it (IPv6 that serves IPv4 too: ::ffff:10.0.0.1);
// nothing: out of its reach.
std::optional<boost::asio::ip::address> reachable(const udp::endpoint& own,
                                                  const boost::asio::ip::address& address) {
  if (own.address().is_v6() == address.is_v6()) return address;
  if (!own.address().is_v6() || !own.address().is_unspecified()) return std::nullopt;
  return boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, address.to_v4());
}

}  // namespace

DatagramSocket::DatagramSocket(boost::asio::io_context& io, SealedDatagrams::Config config,
                               OnMessage on_message, Log log)
    : self_(config.self),
      datagrams_(std::move(config)),
      on_message_(std::move(on_message)),
      log_(std::move(log)),
      socket_(io),
      timer_(io) {}

Status DatagramSocket::listen(const udp::endpoint& endpoint) {
  error_code error;
  socket_.open(endpoint.protocol(), error);
  if (!error) static_cast<void>(::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC));
  error_code one_family_only;  // then IPv4 goes without datagrams
  if (endpoint.address().is_v6() && endpoint.address().is_unspecified())
    socket_.set_option(boost::asio::ip::v6_only(false), one_family_only);
  if (!error) socket_.non_blocking(true, error);
  if (!error) socket_.bind(endpoint, error);
  if (error == boost::system::errc::address_not_available) {  // not yet: PeerAcceptor::listen
    socket_.set_option(FreeBind(true), error);
    if (!error) socket_.bind(endpoint, error);
  }
  if (!error) return done();
  error_code ignored;
  socket_.close(ignored);
  return Error{ErrorKind::unavailable, fmt::format("UDP port {}", endpoint.port()),
               fmt::format("cannot listen there: {}", error.message()),
               "stop the program that has it; until then peers use TCP alone"};
}

void DatagramSocket::start() {
  if (!socket_.is_open()) return;
  wait();
  tick();
}

void DatagramSocket::stop() {
  stopped_ = true;
  error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
}

void DatagramSocket::set_addresses(const std::string& peer,
                                   const std::vector<boost::asio::ip::address>& addresses,
                                   std::uint16_t port) {
  if (!socket_.is_open()) return;
  error_code unknown;
  const udp::endpoint own = socket_.local_endpoint(unknown);
  for (const auto& address : addresses) {
    const auto there = reachable(own, address);
    if (!there) continue;
    const udp::endpoint endpoint(*there, port);
    if (std::exchange(addresses_[peer], endpoint) != endpoint) hurry(peer);
    return;
  }
}

std::uint64_t DatagramSocket::dropped(const std::string& peer) const {
  const auto found = dropped_.find(peer);
  return found == dropped_.end() ? 0 : found->second;
}

bool DatagramSocket::send(const std::string& peer, ByteView message, Level version, wire::FrameType type) {
  std::optional<Bytes> datagram;
  const std::size_t most = version < wire::stamps_since ? datagram_message_limit : stamped_message_limit;
  if (message.size() <= most && socket_.is_open()) {
    const Bytes frame = wire::frame(type, message, version);
    const std::optional<Instant> before = datagrams_.deadline();
    const bool waits = datagrams_.keep(steady_now(), peer, frame);
    if (const auto next = datagrams_.deadline(); next && (!before || *next < *before)) tick();
    if (waits) return true;
    datagram = datagrams_.seal(peer, frame);
  }
  if (datagram && transmit(peer, *datagram)) return true;
  ++dropped_[peer];
  return false;
}

bool DatagramSocket::transmit(const std::string& peer, const Bytes& datagram) {
  const auto to = addresses_.find(peer);
  error_code error = boost::asio::error::host_not_found;
  if (to != addresses_.end() && socket_.is_open()) {
    socket_.send_to(boost::asio::buffer(datagram), to->second, 0, error);
    if (!error) return true;
    // A full buffer is the network's daily life, and TCP says why a host cannot be reached.
    if (error != boost::asio::error::would_block)
      if (const auto line = troubles_.limited(
              steady_now(), peer, fmt::format("{} x {} datagram, {}", self_, peer, error.message())))
        log_(LogLevel::debug, *line);  // in the notation of node/narrator.hpp
  }
  return false;
}

void DatagramSocket::hurry(const std::string& peer) {
  datagrams_.hurry(peer);
  if (socket_.is_open()) arm();
}

void DatagramSocket::greeted(const std::string& peer) {
  datagrams_.greeted(peer);
  if (socket_.is_open()) arm();
}

void DatagramSocket::set_peers(const std::map<std::string, SealedDatagrams::Other>& others) {
  datagrams_.set_peers(others);
  std::erase_if(addresses_, [&](const auto& entry) { return !others.contains(entry.first); });
  std::erase_if(dropped_, [&](const auto& entry) { return !others.contains(entry.first); });
  if (socket_.is_open()) arm();
}

void DatagramSocket::wait() {
  socket_.async_wait(udp::socket::wait_read, [self = shared_from_this()](const error_code& error) {
    if (error || self->stopped_) return;
    self->read_some();
  });
}

void DatagramSocket::read_some() {
  for (int turn = 0; turn < datagrams_a_turn && !stopped_; ++turn) {
    udp::endpoint from;  // proves nothing, and is used for a line of the log only
    error_code error;
    const std::size_t size = socket_.receive_from(boost::asio::buffer(buffer_), from, 0, error);
    if (error == boost::asio::error::would_block) break;
    if (error) continue;  // of a datagram that we sent: told by the kernel on this occasion
    take(ByteView(buffer_).first(size), from);
  }
  if (!stopped_) wait();
}

// One line a minute at most: whoever can send here could fill the log else.
void DatagramSocket::note_unopened(const udp::endpoint& from) {
  const Instant now = steady_now();
  if (!unopened_since_ || now - *unopened_since_ >= std::chrono::minutes(1)) {
    unopened_since_ = now;
    unopened_ = 0;
  }
  if (++unopened_ != unopened_until_told) return;
  log_(LogLevel::warning,
       fmt::format("datagrams come that do not open: they are not under this group's keys, replayed or "
                   "damaged; the last one says that it is from {} port {}. dpeers --json counts them",
                   from.address().to_string(), from.port()));
}

void DatagramSocket::take(ByteView datagram, const udp::endpoint& from) {
  if (datagram.size() > largest_datagram) {
    ++oversized_;
    return note_unopened(from);
  }
  const std::uint64_t before = datagrams_.unopened();
  auto step = datagrams_.receive(steady_now(), datagram);
  if (datagrams_.unopened() != before) note_unopened(from);
  for (const auto& out : step.outgoing) static_cast<void>(transmit(out.peer, out.bytes));
  if (!step.outgoing.empty()) arm();
  if (!step.received) return;
  auto frame = wire::parse_datagram(step.received->payload);
  const std::string& peer = step.received->peer;
  if (frame.ok() && (frame->type == wire::FrameType::message || frame->type == wire::FrameType::channel)) {
    on_message_(peer, std::move(*frame));
  } else if (const auto line = troubles_.refused(steady_now(), fmt::format("peer {}", peer),
                                                 "a datagram without a message")) {
    log_(LogLevel::warning, *line);
  }
}

void DatagramSocket::tick() {
  for (const auto& out : datagrams_.tick(steady_now())) static_cast<void>(transmit(out.peer, out.bytes));
  arm();
}

void DatagramSocket::arm() {
  const auto next = datagrams_.deadline();
  if (!next || stopped_) return;
  timer_.expires_at(std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(next->time_since_epoch())));
  timer_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    if (!cancelled && !self->stopped_) self->tick();
  });
}

}  // namespace coord::net
