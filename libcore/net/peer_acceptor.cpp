// SPDX-License-Identifier: MIT
#include "net/peer_acceptor.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <optional>
#include <set>

#include "base/check.hpp"
#include "base/format.hpp"
#include "net/free_bind.hpp"
#include "net/steady_now.hpp"

namespace coord::net {

using boost::asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t answer_queue = std::size_t{64} << 10U;  // hello and pongs are all that goes out here

// Of a socket that listens everywhere, an IPv4 peer shows up as ::ffff:10.0.0.1.
boost::asio::ip::address plain(const boost::asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
  return address;
}

// Whoever has one address of IPv6 has all of its network.
std::string network_of(const boost::asio::ip::address& address) {
  if (address.is_v4()) return address.to_string();
  return boost::asio::ip::network_v6(address.to_v6(), 64).canonical().to_string();
}

// Where to listen; nothing: on every interface, IPv6 and IPv4 at once where there is IPv6.
std::optional<tcp::endpoint> endpoint_of(boost::asio::io_context& io, const Address& address,
                                         error_code& error) {
  if (address.host.empty()) return std::nullopt;
  error_code no_number;
  const auto numeric = boost::asio::ip::make_address(address.host, no_number);
  if (!no_number) return tcp::endpoint(numeric, address.port);
  tcp::resolver resolver(io);
  const auto found =
      resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
  if (error) return std::nullopt;
  const auto loopbacks = std::count_if(found.begin(), found.end(), [](const auto& one) {
    return plain(one.endpoint().address()).is_loopback();
  });
  if (found.empty() || listens_everywhere(address.host, found.size(), static_cast<std::size_t>(loopbacks)))
    return std::nullopt;
  return found.begin()->endpoint();
}

error_code bind_and_listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint,
                           bool before_it_is_there = false) {
  error_code error;
  acceptor.close(error);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  error_code one_family_only;  // then IPv4 is not served there, as on a host that is set up so
  if (endpoint.address().is_v6() && endpoint.address().is_unspecified())
    acceptor.set_option(boost::asio::ip::v6_only(false), one_family_only);
  if (!error && before_it_is_there) acceptor.set_option(FreeBind(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(128, error);
  return error;
}

}  // namespace

PeerAcceptor::PeerAcceptor(boost::asio::io_context& io, std::shared_ptr<TlsSettings> tls,
                           const Greeting& greeting, PeerTimes times, PeerLimits limits, Handlers handlers,
                           Log log)
    : tls_(std::move(tls)),
      greeting_(greeting),
      times_(times),
      limits_(limits),
      handlers_(std::move(handlers)),
      log_(std::move(log)),
      acceptor_(io),
      pause_timer_(io),
      watch_timer_(io) {}

Status PeerAcceptor::listen(const Address& address) {
  error_code error;
  auto& io = static_cast<boost::asio::io_context&>(acceptor_.get_executor().context());
  const auto endpoint = endpoint_of(io, address, error);
  if (!error && endpoint) error = bind_and_listen(acceptor_, *endpoint);
  // A network may be set up after boot.
  if (error == boost::system::errc::address_not_available) {
    log_(LogLevel::warning,
         fmt::format("listen: {} is no address of this host now: other peers reach this one when it is",
                     address.host));
    error = bind_and_listen(acceptor_, *endpoint, true);
  }
  if (!error && !endpoint) {
    if (!address.host.empty())
      log_(LogLevel::info, fmt::format("listen: {} is no single address of a network on this host (see "
                                       "/etc/hosts): listening on every address",
                                       address.host));
    error = bind_and_listen(acceptor_, {tcp::v6(), address.port});
    if (error) error = bind_and_listen(acceptor_, {tcp::v4(), address.port});
  }
  if (error)
    return Error{
        ErrorKind::unavailable, address.text(), fmt::format("cannot listen there: {}", error.message()),
        error == boost::asio::error::address_in_use ? "is another coordd running?" : "check --listen"};
  return done();
}

tcp::endpoint PeerAcceptor::local_endpoint() const {
  error_code error;
  return acceptor_.local_endpoint(error);
}

void PeerAcceptor::start() {
  accept();
  watch();
}

void PeerAcceptor::stop() {
  stopped_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  pause_timer_.cancel();
  watch_timer_.cancel();
  for (auto& guest : strangers_) guest.connection->close();
  for (auto& [name, guest] : peers_) guest.connection->close();
  strangers_.clear();
  peers_.clear();
}

bool PeerAcceptor::heard_lately(const std::string& peer) const {
  const auto found = peers_.find(peer);
  return found != peers_.end() && steady_now() - found->second.last_heard <= times_.pong_within;
}

std::uint64_t PeerAcceptor::received(const std::string& peer) const {
  const auto found = received_.find(peer);
  return found == received_.end() ? 0 : found->second;
}

void PeerAcceptor::accept() {
  acceptor_.async_accept([self = shared_from_this()](const auto& error, tcp::socket socket) {
    self->on_accept(error, std::move(socket));
  });
}

void PeerAcceptor::on_accept(const error_code& error, tcp::socket socket) {
  if (stopped_) return;
  if (error == boost::asio::error::no_descriptors ||
      error == boost::system::errc::too_many_files_open_in_system ||
      error == boost::asio::error::no_buffer_space || error == boost::asio::error::no_memory)
    return pause(error);
  error_code gone;
  const tcp::endpoint from = error ? tcp::endpoint() : socket.remote_endpoint(gone);
  if (!error && !gone) receive_stranger(std::move(socket), plain(from.address()));
  accept();
}

// Out of descriptors: trying again at once would spin.
void PeerAcceptor::pause(const error_code& error) {
  if (const auto line = refusals_.refused(steady_now(), "every new connection", error.message()))
    log_(LogLevel::error, *line);
  pause_timer_.expires_after(std::chrono::milliseconds(100));
  pause_timer_.async_wait([self = shared_from_this()](const auto& cancelled) {
    if (!cancelled && !self->stopped_) self->accept();
  });
}

bool PeerAcceptor::is_known(const boost::asio::ip::address& address) const {
  return std::any_of(addresses_.begin(), addresses_.end(), [&](const auto& of_peer) {
    return std::find(of_peer.second.begin(), of_peer.second.end(), address) != of_peer.second.end();
  });
}

// The oldest ones go until there is room for one more of their like.
void PeerAcceptor::keep_below(std::size_t limit, const std::function<bool(const Guest&)>& alike) {
  auto count = static_cast<std::size_t>(std::count_if(strangers_.begin(), strangers_.end(), alike));
  for (auto next = strangers_.begin(); next != strangers_.end() && count >= limit;) {
    const auto guest = next++;
    if (!alike(*guest)) continue;
    refuse(guest, "too many connections that did not greet yet");
    --count;
  }
}

// Before a connection from that source is taken. Until it has shown the key, a guest has no peer's name.
void PeerAcceptor::make_room(const std::string& network, bool known) {
  const auto has_key = [](const Guest& guest) { return !guest.connection->peer().empty(); };
  keep_below(limits_.strangers_of_source,
             [&](const Guest& guest) { return !has_key(guest) && guest.network == network; });
  if (!known)
    keep_below(limits_.strangers, [&](const Guest& guest) { return !has_key(guest) && !guest.known; });
  std::set<std::string> greeting;
  for (const Guest& guest : strangers_)
    if (has_key(guest)) greeting.insert(guest.connection->peer());
  for (const std::string& peer : greeting)
    keep_below(limits_.greeting_of_peer,
               [&](const Guest& guest) { return guest.connection->peer() == peer; });
}

void PeerAcceptor::receive_stranger(tcp::socket socket, const boost::asio::ip::address& from) {
  const bool known = is_known(from);
  make_room(network_of(from), known);
  set_peer_options(socket);
  auto connection =
      std::make_shared<SecureConnection>(std::move(socket), tls_, Side::responder, "", answer_queue);
  const auto guest = strangers_.insert(
      strangers_.end(), Guest{connection, from.to_string(), network_of(from), known, steady_now()});
  connection->start({
      .secured = [] {},
      .frame = [this, guest](wire::Frame&& frame) { on_stranger_frame(guest, frame); },
      .closed = [this, guest](const std::string& why) { refuse(guest, why); },
  });
}

void PeerAcceptor::on_stranger_frame(Guests::iterator guest, const wire::Frame& frame) {
  const std::string peer = guest->connection->peer();
  if (peer == introduction_name) return introduce(guest, frame);
  if (frame.type != wire::FrameType::hello) return refuse(guest, "it did not begin with a hello");
  const auto hello = greeting_.check(frame, peer);
  const auto said = Greeting::read(frame);
  // The answer comes before any refusal: the other side can see, and say, what differs.
  guest->connection->send(wire::FrameType::hello, greeting_.hello_to(peer, said ? said->node : NodeId{}),
                          hello_version);
  if (hello.ok()) {
    guest->hello = *hello;
    return welcome(guest);
  }
  refuse(guest, fmt::format("peer {}: {}", peer, hello.error().what));
}

// One question, one answer; it is no peer by that.
void PeerAcceptor::introduce(Guests::iterator guest, const wire::Frame& frame) {
  wire::DecodeOptions options = frame.decode_options();
  options.newer_sender = true;
  const auto question = frame.type == wire::FrameType::introduction
                            ? wire::decode<wire::IntroductionQuestion>(frame.payload, options)
                            : Error{ErrorKind::data, "", "it asks nothing", ""};
  if (!question) return refuse(guest, fmt::format("an introduction: {}", question.error().what));
  const auto answer = handlers_.asked(*question, guest->source);
  if (!answer) return refuse(guest, "an introduction: not here");
  guest->connection->send(wire::FrameType::introduction, wire::encode(*answer, hello_version), hello_version);
  guest->connection->abandon();
  strangers_.erase(guest);
}

void PeerAcceptor::welcome(Guests::iterator guest) {
  const std::string peer = guest->connection->peer();
  if (const auto old = peers_.find(peer); old != peers_.end()) {
    old->second.connection->close();
    peers_.erase(old);
  }
  Guest& known = peers_.emplace(peer, std::move(*guest)).first->second;
  strangers_.erase(guest);
  known.last_heard = steady_now();
  known.connection->set_payload_limit(wire::stream_payload_limit);
  // From here on the frames are those of a peer. The map's nodes stay where they are.
  known.connection->set_handlers({
      .secured = [] {},
      .frame = [this, &known](wire::Frame&& frame) { on_peer_frame(known, std::move(frame)); },
      .closed = [this, peer](const std::string& why) { drop_peer(peer, why); },
  });
  if (const auto line = told_.limited(steady_now(), fmt::format("{} comes", peer),
                                      fmt::format("peer {}: came from {}", peer, known.source)))
    log_(LogLevel::info, *line);
  handlers_.greeted(peer, known.hello);
}

void PeerAcceptor::on_peer_frame(Guest& guest, wire::Frame&& frame) {
  guest.last_heard = steady_now();
  const std::string& peer = guest.connection->peer();
  switch (frame.type) {
    case wire::FrameType::ping:
      // A pong that finds no room is one that the other side need not wait for: it is not reading.
      guest.connection->send(wire::FrameType::pong,
                             ByteView(frame.payload).first(std::min<std::size_t>(frame.payload.size(), 8)));
      return;
    case wire::FrameType::message:
    case wire::FrameType::channel:
      ++received_[peer];
      return handlers_.message(std::string(peer), std::move(frame));
    case wire::FrameType::hello:
    case wire::FrameType::introduction:
    case wire::FrameType::pong:
    case wire::FrameType::request:
    case wire::FrameType::answer:
      return drop_peer(std::string(peer), "it sent a frame that has no place between peers");
  }
  // A type of a later version: skipped.
}

void PeerAcceptor::refuse(Guests::iterator guest, const std::string& why) {
  // Whoever only looks whether the port is open (a scanner, the doctor) hides no peer of the same host.
  const std::string of = guest->source + (guest->connection->shows_identity() ? " as a peer" : "");
  if (const auto line =
          refusals_.limited(steady_now(), of, fmt::format("{}: refused: {}", guest->source, why)))
    log_(LogLevel::warning, *line);
  guest->connection->abandon();
  strangers_.erase(guest);
}

void PeerAcceptor::drop_peer(const std::string& peer, const std::string& why) {
  const auto found = peers_.find(peer);
  COORD_CHECK(found != peers_.end());
  if (const auto line = told_.limited(steady_now(), fmt::format("{} goes", peer),
                                      fmt::format("peer {}: its connection ended: {}", peer, why)))
    log_(LogLevel::info, *line);
  found->second.connection->close();
  // The name may be the one that stands in the map: it lives until all have heard of it.
  const auto gone = peers_.extract(found);
  handlers_.gone(gone.key());
}

Level PeerAcceptor::level(const std::string& peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? first_level : found->second.hello.version;
}

void PeerAcceptor::drop(const std::string& peer, const std::string& why) {
  if (peers_.contains(peer)) drop_peer(peer, why);
}

void PeerAcceptor::judge_anew() {
  std::map<std::string, std::string> out;
  for (const auto& [peer, guest] : peers_) {
    if (const std::string why = greeting_.refusal_of(guest.hello); !why.empty()) out.emplace(peer, why);
  }
  for (const auto& [peer, why] : out) drop_peer(peer, why);
}

void PeerAcceptor::drop_keys(const std::set<std::string>& gone) {
  for (auto next = strangers_.begin(); next != strangers_.end();) {
    const auto guest = next++;
    if (gone.contains(guest->connection->key_id())) refuse(guest, "its key is no longer in the key file");
  }
  for (auto next = peers_.begin(); next != peers_.end();) {
    const auto peer = next++;
    const std::string id = peer->second.connection->key_id();
    if (gone.contains(id)) drop_peer(peer->first, fmt::format("its key {} is no longer in the key file", id));
  }
}

void PeerAcceptor::watch() {
  const Instant now = steady_now();
  while (!strangers_.empty() && now - strangers_.front().last_heard > times_.establish)
    refuse(strangers_.begin(), "it did not greet in time");
  for (auto next = peers_.begin(); next != peers_.end();) {
    const auto peer = next++;
    if (now - peer->second.last_heard > times_.silence_within)
      drop_peer(peer->first, "nothing heard for too long");
  }
  watch_timer_.expires_after(strangers_.empty() ? Duration(times_.silence_within / 8)
                                                : Duration(times_.establish / 8));
  watch_timer_.async_wait([self = shared_from_this()](const auto& cancelled) {
    if (!cancelled && !self->stopped_) self->watch();
  });
}

}  // namespace coord::net
