// SPDX-License-Identifier: MIT
#include "base/engine_url.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/format.hpp"

namespace coord {

namespace {

constexpr char usual_prefix[] = "coordutils/";
constexpr std::size_t prefix_limit = 200, endpoints_limit = 32;

struct Scheme {
  std::string_view name;
  EngineUrl::Kind kind;
  bool tls;
  std::uint16_t port;
};
// The first one of a kind is how it is written in the end.
constexpr auto schemes = std::to_array<Scheme>({
    {"etcd", EngineUrl::Kind::etcd, false, 2379},
    {"etcds", EngineUrl::Kind::etcd, true, 2379},
    {"zookeeper", EngineUrl::Kind::zookeeper, false, 2181},
    {"zookeepers", EngineUrl::Kind::zookeeper, true, 2281},
    {"zk", EngineUrl::Kind::zookeeper, false, 2181},
    {"zks", EngineUrl::Kind::zookeeper, true, 2281},
    {"consul", EngineUrl::Kind::consul, false, 8500},
    {"consuls", EngineUrl::Kind::consul, true, 8501},
    {"redis", EngineUrl::Kind::redis, false, 6379},
    {"rediss", EngineUrl::Kind::redis, true, 6379},
    {"postgres", EngineUrl::Kind::postgres, false, 5432},
    {"postgress", EngineUrl::Kind::postgres, true, 5432},
    {"postgresql", EngineUrl::Kind::postgres, false, 5432},
});

Error wrong(const std::string& url, std::string what, std::string remedy) {
  return Error{ErrorKind::usage, fmt::format("--engine {}", url), std::move(what), std::move(remedy)};
}

bool is_of_host(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter || c == '-' || c == '.' || c == ':' || c == '_';
}

bool is_of_prefix(char c) {
  return is_of_host(c) || c == '/';
}

// HOST, HOST:PORT, [IPV6] or [IPV6]:PORT.
std::optional<std::pair<std::string, std::uint16_t>> endpoint(std::string_view text, std::uint16_t usual) {
  std::string_view host = text, port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return std::nullopt;
    if (!port.empty()) port.remove_prefix(1);
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty() || port.find(':') != std::string_view::npos) return std::nullopt;
  }
  if (host.empty() || host.size() > 253 || !std::ranges::all_of(host, is_of_host)) return std::nullopt;
  std::uint16_t number = usual;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || end != port.data() + port.size() || number == 0) return std::nullopt;
  }
  return std::pair(std::string(host), number);
}

}  // namespace

std::string engine_schemes() {
  std::string all;
  for (const Scheme& scheme : schemes) all += fmt::format("{}{}://", all.empty() ? "" : " ", scheme.name);
  return all;
}

Result<EngineUrl> parse_engine_url(const std::string& text) {
  const std::size_t colon = text.find("://");
  const auto scheme = std::ranges::find(schemes, std::string_view(text).substr(0, colon), &Scheme::name);
  if (colon == std::string::npos || scheme == schemes.end())
    return wrong(text.find('@') == std::string::npos ? text : "URL", "no engine of this kind is known",
                 fmt::format("known are {}", engine_schemes()));
  std::string_view rest = std::string_view(text).substr(colon + 3);
  if (rest.find('@') != std::string_view::npos)
    return wrong(fmt::format("{}://...", scheme->name),
                 "a user or password in a URL is seen by everybody on this host",
                 "put them into files: --engine-user NAME --engine-password-file FILE");
  EngineUrl url;
  url.kind = scheme->kind;
  url.tls = scheme->tls;
  url.prefix = usual_prefix;
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    std::string_view prefix = rest.substr(slash);
    while (prefix.starts_with('/')) prefix.remove_prefix(1);
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    if (prefix.size() > prefix_limit || !std::ranges::all_of(prefix, is_of_prefix))
      return wrong(text, "a prefix has letters, digits and - . : _ / only, 200 of them at most",
                   "give another one");
    if (!prefix.empty()) url.prefix = fmt::format("{}/", prefix);
    rest = rest.substr(0, slash);
  }
  while (true) {
    const std::size_t comma = rest.find(',');
    auto one = endpoint(rest.substr(0, comma), scheme->port);
    if (!one || url.endpoints.size() == endpoints_limit)
      return wrong(text, fmt::format("`{}` is no HOST:PORT", rest.substr(0, comma)),
                   fmt::format("write {}://HOST:PORT,HOST:PORT", scheme->name));
    url.endpoints.push_back(std::move(*one));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  return url;
}

Status may_be_used(const EngineUrl& url, bool unsafe) {
  if (url.kind != EngineUrl::Kind::redis || unsafe) return done();
  return Error{ErrorKind::usage, "--engine redis://...",
               "a fail-over of Redis loses its last acknowledged writes, so two may then hold one lock",
               "use etcd:// or zookeeper://, or say --unsafe"};
}

std::string EngineUrl::text() const {
  const auto scheme = std::ranges::find_if(
      schemes, [this](const Scheme& each) { return each.kind == kind && each.tls == tls; });
  auto sorted = endpoints;
  std::ranges::sort(sorted);
  std::string hosts;
  for (const auto& [host, port] : sorted) {
    const bool is_v6 = host.find(':') != std::string::npos;
    hosts +=
        fmt::format("{}{}{}{}:{}", hosts.empty() ? "" : ",", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
  }
  return fmt::format("{}://{}/{}", scheme->name, hosts, prefix);
}

}  // namespace coord
