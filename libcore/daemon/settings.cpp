// SPDX-License-Identifier: MIT
#include "daemon/settings.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "base/own_file.hpp"
#include "daemon/meters.hpp"

namespace coord::daemon {

bool is_peer_name(const std::string& name) {
  const auto fits = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), fits);
}

namespace {

constexpr std::size_t most_peers = 15;  // as raft::Config: more voters make every commit slower, not safer

Error usage(std::string object, std::string what, std::string remedy) {
  return Error{ErrorKind::usage, std::move(object), std::move(what), std::move(remedy)};
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

Status add_peer(const std::string& item, Settings& settings) {
  const std::size_t equals = item.find('=');
  if (equals == std::string::npos) {
    return usage("--peers", fmt::format("'{}' has no address", item),
                 "write NAME=HOST:PORT,NAME=HOST:PORT,...");
  }
  const std::string name = item.substr(0, equals);
  if (!is_peer_name(name)) {
    return usage("--peers", fmt::format("'{}' is no peer's name", name),
                 "use 1 to 64 letters, digits, '-', '_' or '.'");
  }
  auto address = net::parse_address(item.substr(equals + 1));
  if (!address) return usage("--peers", address.error().text(), "write NAME=HOST:PORT,NAME=HOST:PORT,...");
  if (address->host.empty() || address->port == 0) {
    return usage("--peers", fmt::format("'{}' is no address that others can reach", item),
                 "write NAME=HOST:PORT,NAME=HOST:PORT,...");
  }
  for (const auto& [id, other] : settings.roster.all()) {
    if (other.name != name && other.address.text() == address->text())
      return usage("--peers", fmt::format("'{}' and '{}' have the same address", other.name, name),
                   "give every peer one of its own");
  }
  if (Status added = settings.roster.found(name, *address); !added)
    return usage("--peers", fmt::format("{} {}", added.error().object, added.error().what),
                 added.error().remedy);
  return done();
}

Result<std::optional<gid_t>> group_of(const std::string& name) {
  if (name.empty()) return std::optional<gid_t>();
  std::array<char, 16384> buffer;
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return Error{ErrorKind::unavailable, "--admit", fmt::format("there is no group '{}'", name),
                 "make it with groupadd --system"};
  return std::optional<gid_t>(found->gr_gid);
}

}  // namespace

namespace {

// What is measured tells how a group is used, in the clear: other hosts are told only if that is wanted.
Result<std::optional<net::Address>> metrics_of(const Options& options) {
  if (options.metrics_names.size() > most_metrics_names)
    return usage("--metrics-names", fmt::format("{} names", options.metrics_names.size()),
                 "list at most 64: each is a series of its own");
  if (options.metrics.empty()) return std::optional<net::Address>();
  auto address = net::parse_address(options.metrics);
  if (!address) return usage("--metrics", address.error().text(), "write ADDRESS:PORT, as in 127.0.0.1:9751");
  std::array<std::uint8_t, sizeof(in6_addr)> bytes{};
  const bool v4 = ::inet_pton(AF_INET, address->host.c_str(), bytes.data()) == 1;
  const bool inside = (v4 && bytes[0] == 127) || address->host == "::1" || address->host == "localhost";
  const bool v6 = !v4 && ::inet_pton(AF_INET6, address->host.c_str(), bytes.data()) == 1;
  if (!v4 && !v6 && !inside && !address->host.empty())
    return usage("--metrics", fmt::format("'{}' is no number", address->host),
                 "write ADDRESS:PORT, as in 127.0.0.1:9751");
  if (!inside && !options.metrics_insecure)
    return usage("--metrics",
                 fmt::format("{} can be reached from other hosts, without authentication", address->text()),
                 "use a loopback address, or add --metrics-insecure");
  return std::optional<net::Address>(*address);
}

Result<Settings> check_the_rest(Settings settings) {
  const Options& options = settings.options;
  if (options.heartbeat * 2 > options.election_low || options.election_low > options.election_high) {
    return usage("--election-low", "the election time-out is too short for the heartbeat",
                 "give at least two heartbeats, and no more than --election-high");
  }
  if (settings.alone() && options.rejoin)
    return usage("--rejoin", "a peer alone has nobody to catch up with", "give --peers, or leave it out");
  if (!options.listen.empty()) {
    auto listen = net::parse_address(options.listen);
    if (!listen) return usage("--listen", listen.error().text(), "write HOST:PORT");
    settings.listen = *listen;
  }
  auto metrics = metrics_of(options);
  if (!metrics) return metrics.error();
  settings.metrics = *metrics;
  return settings;
}

Status add_join(const Options& options, Settings& settings) {
  if (!options.peers.empty())
    return usage("--join", "not with --peers", "a group is founded by its list, or it is there and joined");
  for (const std::string& list : options.join) {
    for (std::size_t begin = 0; begin <= list.size();) {
      const std::size_t end = std::min(list.find(',', begin), list.size());
      auto address = net::parse_address(list.substr(begin, end - begin));
      if (!address || address->host.empty() || address->port == 0)
        return usage("--join", fmt::format("'{}' is no address of a peer", list.substr(begin, end - begin)),
                     "write HOST:PORT,... of any hosts of the group");
      settings.join.push_back(*address);
      begin = end + 1;
    }
  }
  settings.listen = {"", usual_port};
  return done();
}

// Two hosts of one name, and two gateways of one host, are not one.
NodeId gateway_id(const Options& options) {
  std::array<char, 4096> resolved{};  // the same directory, however it is named
  const char* const place = ::realpath(options.state_dir.c_str(), resolved.data());
  std::array<char, 64> machine{};
  if (const Descriptor file(::open("/etc/machine-id", O_RDONLY | O_CLOEXEC)); file.is_open())
    (void)!::read(file.get(), machine.data(), machine.size() - 1);
  return net::Roster::founding_id(fmt::format("{} {} {} {}", host_name(), machine.data(), ::geteuid(),
                                              place != nullptr ? place : options.state_dir));
}

Result<std::string> password_of(const std::string& path) {
  const auto file = open_own_file(path, O_RDONLY);
  if (!file) return file.error();
  struct stat status {};
  if (::fstat(file->get(), &status) == 0 && (status.st_mode & 077) != 0)
    return Error{ErrorKind::unavailable, path, "others may read it", "chmod 600 it"};
  std::array<char, 1024> text{};
  const ssize_t size = ::read(file->get(), text.data(), text.size() - 1);
  std::string password(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  while (password.ends_with('\n') || password.ends_with('\r')) password.pop_back();
  if (password.empty())
    return Error{ErrorKind::unavailable, path, "there is no password in it", "write it there"};
  return password;
}

Status add_engine(Settings& settings) {
  const Options& options = settings.options;
  if (!options.peers.empty() || !options.join.empty())
    return usage("--engine", "not with --peers or --join", "the log is kept by an engine, or by peers");
  auto url = parse_engine_url(options.engine);
  if (!url) return url.error();
  if (Status may = may_be_used(*url, options.unsafe); !may) return may.error();
  engines::Settings& access = settings.engine_access;
  access.url = std::move(*url);
  const bool has_tokens = access.url.kind == EngineUrl::Kind::consul;
  if (has_tokens && !options.engine_user.empty())
    return usage("--engine-user", "Consul has tokens and no users",
                 "give a file with one as --engine-password-file");
  if (!has_tokens && options.engine_user.empty() != options.engine_password_file.empty())
    return usage("--engine-user", "only with --engine-password-file, and that only with it", "give both");
  if (options.engine_cert.empty() != options.engine_key.empty())
    return usage("--engine-cert", "only with --engine-key, and that only with it", "give both");
  if (!access.url.tls && !(options.engine_ca + options.engine_cert).empty())
    return usage("--engine-ca", "this URL is without TLS", "write etcds://, zookeepers://, consuls://, ...");
  access.user = options.engine_user;
  access.ca = options.engine_ca;
  access.certificate = options.engine_cert;
  access.key = options.engine_key;
  if (settings.is_gateway()) settings.node = gateway_id(options);
  return done();
}

std::string name_of_gateway(const Options& options) {
  std::string name = host_name().substr(0, 48);
  for (char& c : name) {
    if (!is_peer_name(std::string("a") + c)) c = '-';
  }
  return fmt::format("{}-{:04x}", name.empty() || name.front() == '-' ? "host" : name,
                     gateway_id(options).value & 0xffffU);
}

}  // namespace

Result<Settings> check_but_keys(const Options& given) {
  Options options = given;
  if (!options.engine.empty() && (options.name.empty() || options.name == "private"))
    options.name = name_of_gateway(options);
  Settings settings;
  settings.options = options;
  settings.name = options.name;
  if (!is_peer_name(options.name)) {
    return usage("--name",
                 options.name.empty() ? "missing" : fmt::format("'{}' is no peer's name", options.name),
                 "use 1 to 64 letters, digits, '-', '_' or '.'");
  }
  if (!options.zone.empty() && !is_peer_name(options.zone))
    return usage("--zone", fmt::format("'{}' is no zone's name", options.zone),
                 "use 1 to 64 letters, digits, '-', '_' or '.'");
  if (options.state_dir.empty())
    return usage("--state-dir", "missing", "name the directory that keeps this peer's state");
  if (options.socket.empty())
    return usage("--socket", "missing", "name the socket that this host's tools will use");
  settings.admits_all = options.admit == "*";
  const auto admitted = group_of(settings.admits_all ? "" : options.admit);
  if (!admitted) return admitted.error();
  settings.admitted = *admitted;
  if (!options.join.empty()) {
    if (Status whom = add_join(options, settings); !whom) return whom.error();
    return check_the_rest(std::move(settings));
  }
  settings.node = net::Roster::founding_id(options.name);
  std::size_t begin = 0;
  while (!options.peers.empty() && begin <= options.peers.size()) {
    const std::size_t end = std::min(options.peers.find(',', begin), options.peers.size());
    if (Status added = add_peer(options.peers.substr(begin, end - begin), settings); !added)
      return added.error();
    begin = end + 1;
  }
  if (options.peers.empty()) {
    if (Status added = settings.roster.found(options.name, {}); !added) return added.error();
  }
  const net::Roster::Node* const self = settings.roster.find(options.name);
  if (self == nullptr) {
    return usage("--peers", fmt::format("this peer, '{}', is not among them", options.name),
                 "list every peer, this one included");
  }
  if (settings.roster.size() > most_peers) {
    return usage("--peers", fmt::format("{} peers", settings.roster.size()), "a group has at most 15");
  }
  settings.listen = self->address;
  if (settings.has_engine()) {
    if (Status added = add_engine(settings); !added) return added.error();
  }
  if (settings.is_gateway()) {
    settings.roster = {};
    (void)settings.roster.admit({settings.node, settings.name, {}, false, false});
  }
  return check_the_rest(std::move(settings));
}

std::string keys_path(const std::string& state_dir, const std::string& key_file) {
  std::string own = fmt::format("{}/{}", state_dir, keys_file_name);
  struct stat info {};
  return ::lstat(own.c_str(), &info) == 0 ? own : key_file;
}

Result<Settings> check(const Options& options) {
  auto checked = check_but_keys(options);
  if (!checked) return checked;
  Settings settings = std::move(*checked);
  if (settings.has_engine() && !options.engine_password_file.empty()) {
    auto password = password_of(options.engine_password_file);
    if (!password) return password.error();
    settings.engine_access.password = std::move(*password);
  }
  if (options.key_file.empty() && settings.alone()) return settings;
  if (options.key_file.empty()) {
    return usage("--key-file", "missing",
                 "make a key with coordd --keygen and give the same file to every peer");
  }
  auto keys = net::read_key_file(keys_path(options.state_dir, options.key_file));
  if (!keys) return keys.error();
  settings.keys = std::move(*keys);
  return settings;
}

}  // namespace coord::daemon
