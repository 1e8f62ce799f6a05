#include "net/peer_transport.hpp"

#include <sodium.h>

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

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  COORD_CHECK(sodium_init() >= 0);
  randombytes_buf(&seed, sizeof seed);
  return seed;
}

}  // namespace

Result<std::unique_ptr<PeerTransport>> PeerTransport::open(boost::asio::io_context& io, PeerConfig config,
                                                           PeerHandlers handlers, Log log) {
  if (const auto names = check_names(config); !names.ok()) return names.error();
  const Address listen = config.listen;
  std::unique_ptr<PeerTransport> transport(
      new PeerTransport(io, std::move(config), std::move(handlers), std::move(log)));
  if (const auto listening = transport->acceptor_->listen(listen); !listening.ok()) return listening.error();
  return transport;
}

PeerTransport::PeerTransport(boost::asio::io_context& io, PeerConfig config, PeerHandlers handlers, Log log)
    : config_(std::move(config)),
      handlers_(std::move(handlers)),
      greeting_{config_.self, group_digest(config_.peers), config_.software},
      tls_(std::make_shared<TlsSettings>(config_.self, names_of(config_.peers), config_.keys)) {
  // A peer that has just reached us can be reached again.
  const auto greeted = [this](const std::string& peer) { links_.at(peer)->hurry(); };
  const auto message = [this](const std::string& peer, Bytes&& bytes) {
    handlers_.message(peer, std::move(bytes));
  };
  acceptor_ = std::make_shared<PeerAcceptor>(io, tls_, greeting_, config_.times, config_.limits,
                                             PeerAcceptor::Handlers{greeted, message}, log);
  const PeerLink::Handlers link_handlers{[this](const std::string& peer) { handlers_.up(peer); },
                                         [this](const std::string& peer) { handlers_.down(peer); }};
  for (const auto& [name, address] : config_.peers) {
    if (name == config_.self) continue;
    links_[name] =
        std::make_shared<PeerLink>(io, tls_, greeting_, name, address, config_.times,
                                   config_.limits.queue_bytes, Random(random_seed()), link_handlers, log);
  }
}

PeerTransport::~PeerTransport() {
  stop();
}

void PeerTransport::start() {
  acceptor_->start();
  for (auto& [name, link] : links_) link->start();
}

void PeerTransport::stop() {
  acceptor_->stop();
  for (auto& [name, link] : links_) link->stop();
}

bool PeerTransport::send(const std::string& peer, ByteView message) {
  const auto link = links_.find(peer);
  COORD_CHECK(link != links_.end());
  return link->second->send(message);
}

std::vector<PeerStatus> PeerTransport::status() const {
  std::vector<PeerStatus> all;
  for (const auto& [name, link] : links_)
    all.push_back({name, config_.peers.at(name), link->status(), acceptor_->connected(name),
                   acceptor_->received(name)});
  return all;
}

}  // namespace coord::net
