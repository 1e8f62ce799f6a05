// SPDX-License-Identifier: MIT
#include "net/peer_transport.hpp"

#include <sodium.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord::net {
namespace {

Status check_names(const PeerConfig& config) {
  const auto bad = [](const std::string& name, const char* what) -> Error {
    return {ErrorKind::usage, fmt::format("peer {}", name), what, "see --name and --peers"};
  };
  if (config.roster.find(config.self) == nullptr) return bad(config.self, "it is not in the list of peers");
  for (const auto& [id, node] : config.roster.all()) {
    const std::string& name = node.name;
    const Address& address = node.address;
    if (name.empty() || name.size() > peer_name_limit) return bad(name, "a peer's name has 1 to 64 bytes");
    if (name != config.self && (address.host.empty() || address.port == 0))
      return bad(name, "its address lacks the host or the port");
  }
  return done();
}

// What nobody can guess: of the system's randomness.
template <class T>
T drawn() {
  T value{};
  COORD_CHECK(sodium_init() >= 0);
  randombytes_buf(&value, sizeof value);
  return value;
}

std::set<std::string> founder_names(const Roster& roster) {
  std::set<std::string> names;
  for (const auto& [name, address] : roster.founders()) names.insert(name);
  return names;
}

std::map<std::string, NodeId> numbers_of(const Roster& roster) {
  std::map<std::string, NodeId> numbers;
  for (const auto& [id, node] : roster.all()) numbers.emplace(node.name, id);
  return numbers;
}

wire::GroupDigest digest_of(const std::string& group_id) {
  wire::GroupDigest digest{};
  const ByteView input = bytes_of(group_id);
  crypto_generichash(digest.data(), digest.size(), input.data(), input.size(), nullptr, 0);
  return digest;
}

}  // namespace

Result<std::unique_ptr<PeerTransport>> PeerTransport::open(boost::asio::io_context& io, PeerConfig config,
                                                           PeerHandlers handlers, Log log) {
  if (const auto names = check_names(config); !names.ok()) return names.error();
  std::unique_ptr<PeerTransport> transport(
      new PeerTransport(io, std::move(config), std::move(handlers), log));
  if (const auto listening = transport->listen(log); !listening.ok()) return listening.error();
  return transport;
}

// Where TCP listens, whatever port that has become, UDP does too; or does not, which is no reason to stop.
Status PeerTransport::listen(const Log& log) {
  if (Status listening = acceptor_->listen(config_.listen); !listening) return listening;
  const auto own = acceptor_->local_endpoint();
  if (Status datagrams = datagrams_->listen({own.address(), own.port()}); !datagrams) {
    no_datagrams_ = fmt::format("{}: {}", datagrams.error().object, datagrams.error().what);
    log(LogLevel::warning, datagrams.error().text());
  }
  return done();
}

PeerTransport::PeerTransport(boost::asio::io_context& io, PeerConfig config, PeerHandlers handlers, Log log)
    : config_(std::move(config)),
      roster_(config_.roster),
      handlers_(std::move(handlers)),
      greeting_{config_.self,
                group_digest(config_.roster.founders(), config_.founding),
                config_.software,
                config_.level,
                config_.knows,
                config_.life,
                config_.timing,
                config_.token_floor,
                list_of(config_.roster.founders()),
                config_.founding,
                config_.has_state,
                config_.group_id,
                founder_names(config_.roster),
                config_.roster.id_of(config_.self),
                numbers_of(config_.roster),
                {},
                handlers_.told_retired},
      tls_(std::make_shared<TlsSettings>(config_.self, config_.roster.names(), config_.keys)),
      log_(log) {
  // A peer that has just reached us can be reached again.
  const auto greeted = [this](const std::string& peer, const wire::PeerHello& hello) {
    note_list(peer, hello);
    handlers_.greeted(peer, hello);
    handlers_.came(peer);
    links_->hurry(peer);
    datagrams_->greeted(peer);
  };
  const auto message = [this](const std::string& peer, wire::Frame&& frame) {
    if (take_stamp(peer, frame)) handlers_.message(peer, std::move(frame));
  };
  const auto gone = [this](const std::string& peer) { tell_if_parted(peer); };
  acceptor_ =
      std::make_shared<PeerAcceptor>(io, tls_, greeting_, config_.times, config_.limits,
                                     PeerAcceptor::Handlers{greeted, message, gone, handlers_.asked}, log);
  SealedDatagrams::Config sealed{
      config_.self,          {}, greeting_.group, config_.keys, drawn<LifeId>(), drawn<ChallengeNonce>,
      config_.datagram_times};
  datagrams_ = std::make_shared<DatagramSocket>(
      io, std::move(sealed),
      [this](const std::string& peer, wire::Frame&& frame) {
        links_->hurry(peer);  // what gets through this way may get through the other
        if (take_stamp(peer, frame)) handlers_.datagram(peer, std::move(frame));
      },
      log);
  datagrams_->set_peers(with_datagrams());
  make_links(io, log);
}

// Of two founders that were started with different lists. The group goes by what it has agreed on; a list
// counts at the start only.
void PeerTransport::note_list(const std::string& peer, const wire::PeerHello& hello) {
  const bool differs = greeting_.are_founders(peer) && hello.group != greeting_.group;
  if (!differs && !other_lists_.contains(peer)) return;
  std::string how = difference_of(greeting_.peers, hello.peers);
  if (how.ends_with(": ")) how.resize(how.size() - 2);
  if (how.empty()) how = "it differs";
  const auto before = other_lists_.find(peer);
  if (differs && before != other_lists_.end() && before->second == how) return;
  if (differs) {
    log_(LogLevel::warning,
         fmt::format("peer {}: has another list of peers: {}: the group follows the list in its state; make "
                     "--peers the same on every host for its next start",
                     peer, how));
    other_lists_[peer] = std::move(how);
  } else {
    other_lists_.erase(peer);
  }
  datagrams_->set_peers(with_datagrams());
}

// Founders' keys are of the founding list; who came later, or has another list or none, goes
// by the group's id.
std::map<std::string, SealedDatagrams::Other> PeerTransport::with_datagrams() const {
  std::map<std::string, SealedDatagrams::Other> others;
  const wire::GroupDigest by_id = digest_of(greeting_.group_id);
  for (const auto& [id, node] : roster_.all()) {
    if (node.name == config_.self) continue;
    if (greeting_.are_founders(node.name) && !other_lists_.contains(node.name)) {
      others[node.name] = {greeting_.group, false};
    } else if (!greeting_.group_id.empty()) {
      others[node.name] = {by_id, true};
    }
  }
  return others;
}

PeerLink::Handlers PeerTransport::link_handlers() {
  return {[this](const std::string& peer, const wire::PeerHello& hello) {
            note_list(peer, hello);
            handlers_.greeted(peer, hello);
            handlers_.up(peer);
            if (const std::uint64_t count = links_->up(peer); count > 0) handlers_.waited(peer, count);
          },
          [this](const std::string& peer) {
            handlers_.down(peer);
            tell_if_parted(peer);
          },
          [this](const std::string& peer, const auto& addresses) { set_addresses(peer, addresses); }};
}

void PeerTransport::set_addresses(const std::string& peer,
                                  const std::vector<boost::asio::ip::address>& addresses) {
  acceptor_->set_addresses(peer, addresses);
  datagrams_->set_addresses(peer, addresses, roster_.find(peer)->address.port);
}

std::set<std::string> PeerTransport::kept() const {
  std::set<std::string> kept;
  for (const auto& [id, node] : roster_.all())
    if (node.name != config_.self && node.voter) kept.insert(node.name);
  return kept;
}

// From the level on that has them. A message without one is another release's fault, or a stranger's.
Bytes PeerTransport::with_stamp(ByteView message, Level version) const {
  ByteWriter out;
  if (version >= wire::stamps_since) out.put(config_.stamp());
  Bytes bytes = out.take();
  bytes.insert(bytes.end(), message.begin(), message.end());
  return bytes;
}

bool PeerTransport::take_stamp(const std::string& peer, wire::Frame& frame) {
  if (frame.version < wire::stamps_since) return true;
  ByteReader in(frame.payload);
  const auto stamp = in.get<std::uint64_t>();
  if (in.failed()) return false;
  frame.payload.erase(frame.payload.begin(), frame.payload.begin() + wire::stamp_size);
  handlers_.stamped(peer, stamp);
  return true;
}

void PeerTransport::update(const Roster& roster, const std::string& group_id, std::set<NodeId> retired) {
  std::set<std::string> moved;
  for (const auto& [id, node] : roster_.all()) {
    const Roster::Node* const now = roster.find(id);
    const bool same = now != nullptr && now->name == node.name && now->address == node.address;
    if (node.name != config_.self && !same) moved.insert(node.name);
  }
  tls_->set_peers(roster.names());
  for (const std::string& peer : moved) {
    links_->forget(peer);
    acceptor_->forget_addresses(peer);
    const NodeId now = roster.id_of(peer);
    if (now == NodeId{}) acceptor_->drop(peer, "it is of the group no more");
    if (now != NodeId{} && now != roster_.id_of(peer)) acceptor_->drop(peer, "another disk has its name");
  }
  roster_ = roster;
  greeting_.founders = founder_names(roster);
  greeting_.nodes = numbers_of(roster);
  greeting_.retired = std::move(retired);
  greeting_.group_id = group_id;
  datagrams_->set_peers(with_datagrams());
  links_->keep(kept());
  locate_undialled();
}

void PeerTransport::make_links(boost::asio::io_context& io, const Log& log) {
  PeerLinks::Config config;
  config.idle_after = config_.idle_after;
  config.wait = config_.times.establish;
  config.most_on_demand = config_.most_on_demand;
  config.queue_bytes = config_.limits.queue_bytes;
  config.kept = kept();
  links_ = std::make_unique<PeerLinks>(
      io, std::move(config),
      [this, &io, log](const std::string& peer) {
        return std::make_shared<PeerLink>(io, tls_, greeting_, peer, roster_.find(peer)->address,
                                          config_.times, config_.limits.queue_bytes,
                                          Random(drawn<std::uint64_t>()), link_handlers(), log);
      },
      [this](const std::string& peer) {
        handlers_.down(peer);
        tell_if_parted(peer);
      });
}

// Where a peer is that is not dialled yet is known only if its address is a number.
void PeerTransport::locate_undialled() {
  for (const auto& [id, node] : roster_.all()) {
    if (node.voter || node.name == config_.self) continue;
    boost::system::error_code no_number;
    const auto numeric = boost::asio::ip::make_address(node.address.host, no_number);
    if (!no_number) set_addresses(node.name, {numeric});
  }
}

std::string PeerTransport::other_list(const std::string& peer) const {
  const auto found = other_lists_.find(peer);
  return found == other_lists_.end() ? "" : found->second;
}

bool PeerTransport::is_other(const std::string& peer) const {
  return peer != config_.self && roster_.find(peer) != nullptr;
}

PeerTransport::~PeerTransport() {
  stop();
}

void PeerTransport::start() {
  acceptor_->start();
  links_->start();
  locate_undialled();
  datagrams_->start();
}

void PeerTransport::stop() {
  acceptor_->stop();
  links_->stop();
  datagrams_->stop();
}

void PeerTransport::set_keys(const KeyRing& keys) {
  const std::set<std::string> gone = tls_->set_keys(keys);
  datagrams_->set_keys(keys);
  if (gone.empty()) return;
  acceptor_->drop_keys(gone);
  links_->drop_keys(gone);
}

bool PeerTransport::send_datagram(const std::string& peer, ByteView message, Level version,
                                  wire::FrameType type) {
  COORD_CHECK(is_other(peer));
  return datagrams_->send(peer, with_stamp(message, version), version, type);
}

void PeerTransport::tell_if_parted(const std::string& peer) {
  if (!links_->status(peer).up && !acceptor_->connected(peer)) handlers_.parted(peer);
}

void PeerTransport::speak(Level level) {
  if (level <= greeting_.level) return;
  greeting_.level = level;
  acceptor_->judge_anew();
  links_->greet_anew();
}

bool PeerTransport::send(const std::string& peer, ByteView message, Level version, wire::FrameType type,
                         bool counts) {
  COORD_CHECK(is_other(peer));
  return links_->send(peer, with_stamp(message, version), version, type, counts);
}

std::vector<PeerStatus> PeerTransport::status() const {
  std::vector<PeerStatus> all;
  const Roster::Node* const self = roster_.find(config_.self);
  const bool votes = self == nullptr || self->voter;
  for (const std::string& name : roster_.names()) {
    if (name == config_.self) continue;
    LinkStatus outgoing = links_->status(name);
    outgoing.level = std::max(outgoing.level, acceptor_->level(name));  // it may have greeted us since
    all.push_back({name, roster_.find(name)->address, std::move(outgoing), acceptor_->heard_lately(name),
                   votes, acceptor_->received(name), datagrams_->status(name), greeting_.are_founders(name),
                   tls_->offered_by(name), other_list(name), datagrams_->dropped(name)});
  }
  return all;
}

}  // namespace coord::net
