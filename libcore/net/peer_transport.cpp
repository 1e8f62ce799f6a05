#include "net/peer_transport.hpp"

#include <sodium.h>

#include <algorithm>

#include "base/check.hpp"

namespace coord::net {
namespace {

std::set<std::string> names_of(const std::map<std::string, Address>& peers) {
  std::set<std::string> names;
  for (const auto& [name, address] : peers) names.insert(name);
  return names;
}

Status check_names(const PeerConfig& config) {
  const auto bad = [](const std::string& name, const char* what) -> Error {
    return {ErrorKind::usage, "peer " + name, what, "see --name and --peers"};
  };
  if (!config.peers.contains(config.self)) return bad(config.self, "it is not in the list of peers");
  for (const auto& [name, address] : config.peers) {
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
    no_datagrams_ = datagrams.error().object + ": " + datagrams.error().what;
    log(LogLevel::warning, datagrams.error().text());
  }
  return done();
}

PeerTransport::PeerTransport(boost::asio::io_context& io, PeerConfig config, PeerHandlers handlers, Log log)
    : config_(std::move(config)),
      handlers_(std::move(handlers)),
      greeting_{config_.self,     group_digest(config_.peers),
                config_.software, config_.level,
                config_.knows,    config_.life,
                config_.timing,   config_.token_floor},
      tls_(std::make_shared<TlsSettings>(config_.self, names_of(config_.peers), config_.keys)) {
  // A peer that has just reached us can be reached again.
  const auto greeted = [this](const std::string& peer, const wire::PeerHello& hello) {
    handlers_.greeted(peer, hello);
    links_.at(peer)->hurry();
    datagrams_->hurry(peer);
  };
  const auto message = [this](const std::string& peer, wire::Frame&& frame) {
    handlers_.message(peer, std::move(frame));
  };
  const auto gone = [this](const std::string& peer) { tell_if_parted(peer); };
  acceptor_ = std::make_shared<PeerAcceptor>(io, tls_, greeting_, config_.times, config_.limits,
                                             PeerAcceptor::Handlers{greeted, message, gone}, log);
  const PeerLink::Handlers link_handlers{[this](const std::string& peer, const wire::PeerHello& hello) {
                                           handlers_.greeted(peer, hello);
                                           handlers_.up(peer);
                                         },
                                         [this](const std::string& peer) {
                                           handlers_.down(peer);
                                           tell_if_parted(peer);
                                         },
                                         [this](const std::string& peer, const auto& addresses) {
                                           acceptor_->set_addresses(peer, addresses);
                                           datagrams_->set_addresses(peer, addresses,
                                                                     config_.peers.at(peer).port);
                                         }};
  SealedDatagrams::Config sealed{config_.self,          names_of(config_.peers), greeting_.group,
                                 config_.keys,          drawn<LifeId>(),         drawn<ChallengeNonce>,
                                 config_.datagram_times};
  datagrams_ = std::make_shared<DatagramSocket>(
      io, std::move(sealed),
      [this](const std::string& peer, wire::Frame&& frame) {
        links_.at(peer)->hurry();  // what gets through this way may get through the other
        handlers_.datagram(peer, std::move(frame));
      },
      log);
  for (const auto& [name, address] : config_.peers) {
    if (name == config_.self) continue;
    links_[name] = std::make_shared<PeerLink>(io, tls_, greeting_, name, address, config_.times,
                                              config_.limits.queue_bytes, Random(drawn<std::uint64_t>()),
                                              link_handlers, log);
  }
}

PeerTransport::~PeerTransport() {
  stop();
}

void PeerTransport::start() {
  acceptor_->start();
  for (auto& [name, link] : links_) link->start();
  datagrams_->start();
}

void PeerTransport::stop() {
  acceptor_->stop();
  for (auto& [name, link] : links_) link->stop();
  datagrams_->stop();
}

void PeerTransport::set_keys(const KeyRing& keys) {
  const std::set<std::string> gone = tls_->set_keys(keys);
  datagrams_->set_keys(keys);
  if (gone.empty()) return;
  acceptor_->drop_keys(gone);
  for (auto& [name, link] : links_) link->drop_keys(gone);
}

bool PeerTransport::send_datagram(const std::string& peer, ByteView message, Level version) {
  COORD_CHECK(links_.contains(peer));
  return datagrams_->send(peer, message, version);
}

void PeerTransport::tell_if_parted(const std::string& peer) {
  if (!links_.at(peer)->status().up && !acceptor_->connected(peer)) handlers_.parted(peer);
}

void PeerTransport::speak(Level level) {
  if (level <= greeting_.level) return;
  greeting_.level = level;
  acceptor_->judge_anew();
  for (auto& [name, link] : links_) link->greet_anew();
}

bool PeerTransport::send(const std::string& peer, ByteView message, Level version) {
  const auto link = links_.find(peer);
  COORD_CHECK(link != links_.end());
  return link->second->send(message, version);
}

std::vector<PeerStatus> PeerTransport::status() const {
  std::vector<PeerStatus> all;
  for (const auto& [name, link] : links_) {
    LinkStatus outgoing = link->status();
    outgoing.level = std::max(outgoing.level, acceptor_->level(name));  // it may have greeted us since
    all.push_back({name, config_.peers.at(name), std::move(outgoing), acceptor_->heard_lately(name),
                   acceptor_->received(name), datagrams_->status(name), datagrams_->dropped(name)});
  }
  return all;
}

}  // namespace coord::net
