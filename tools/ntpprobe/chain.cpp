// SPDX-License-Identifier: MIT
// A server of stratum 2 or more names its own server in the reference id: the IPv4 address, or the first four
// octets of the MD5 digest of the IPv6 address, which look the same. So a step up is a guess that is checked
// by asking: whoever answers there, is shown with its stratum.
#include "ntpprobe/chain.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "ntpprobe/measurement.hpp"

namespace coord::ntpprobe {
namespace {

constexpr std::size_t most_hops = 16;  // strata end at 15

struct Chain {
  std::vector<ServerResult> hops;  // the first is the one asked for
  bool complete = false;           // ends at stratum 1
  std::string end;                 // how it ends
};

// Addresses that a server can have; a reference id may say anything.
bool can_be_asked(std::uint32_t address, const std::string& asked_by) {
  const std::uint32_t first = address >> 24U;
  if (first == 0 || first >= 224) return false;           // this network, multicast, reserved
  if (first == 127) return asked_by.starts_with("127.");  // their loopback is not ours
  return true;
}

std::optional<ServerName> above(const ServerResult& hop, std::uint16_t port, std::string& why_not) {
  const std::uint32_t id = hop.reply->reference_id;
  const std::string text = hop.reference();
  if ((id >> 16U) == 0x7f7f) {
    why_not = fmt::format("its reference {} is a clock of its own", text);
    return std::nullopt;
  }
  if (!can_be_asked(id, hop.address)) {
    why_not = fmt::format("its reference {} is no address that can be asked", text);
    return std::nullopt;
  }
  return ServerName{text, port};
}

// One answer from one address; several addresses of a name count as one server: the first that answers.
std::optional<ServerResult> ask(const ServerName& name, const Settings& settings, const Manner& manner,
                                std::string& failure) {
  for (const Endpoint& endpoint : resolve(name, settings.family(), manner.timeout)) {
    Prober prober(endpoint, manner);
    prober.round(settings.samples_or(1));
    Measurement m = evaluate(prober);
    if (m.majority) return std::move(m.servers.front());
    failure = m.failure();
  }
  return std::nullopt;
}

bool seen_before(const Chain& chain, const std::string& address) {
  return std::any_of(chain.hops.begin(), chain.hops.end(),
                     [&](const ServerResult& hop) { return hop.address == address; });
}

Chain climb(const ServerName& start, const Settings& settings, const Manner& manner) {
  Chain chain;
  ServerName name = start;
  std::string why;
  while (chain.hops.size() < most_hops) {
    auto hop = ask(name, settings, manner, why);
    if (!hop) {
      chain.end = fmt::format("{}: {}", display(name), why);
      if (!chain.hops.empty()) chain.end += "; the reference id may stand for an IPv6 address";
      return chain;
    }
    chain.hops.push_back(std::move(*hop));
    const ServerResult& last = chain.hops.back();
    if (last.reply->stratum <= 1) {
      chain.complete = true;
      chain.end =
          fmt::format("reference clock {}", last.reference().empty() ? "without a name" : last.reference());
      return chain;
    }
    const auto next = above(last, start.port, why);
    if (!next) {
      chain.end = why;
      return chain;
    }
    if (seen_before(chain, next->host)) {
      chain.end = fmt::format("its reference {} leads back into this chain", next->host);
      return chain;
    }
    name = *next;
  }
  chain.end = fmt::format("more than {} servers", most_hops);
  return chain;
}

std::string json(const Chain& chain) {
  std::string out;
  std::size_t number = 0;
  for (const ServerResult& hop : chain.hops) {
    cli::JsonObject o;
    o.text("type", "hop").integer("hop", ++number).text("server", hop.server).text("address", hop.address);
    o.integer("stratum", hop.reply->stratum).text("refid", hop.reference());
    o.seconds("offset_s", hop.estimate->offset)
        .seconds("bound_s", hop.bound)
        .seconds("delay_s", hop.estimate->delay);
    out += o.line();
  }
  cli::JsonObject o;
  o.text("type", "chain")
      .integer("hops", chain.hops.size())
      .boolean("complete", chain.complete)
      .text("end", chain.end);
  return out + o.line();
}

std::string text(const Chain& chain) {
  const auto right = cli::Table::Align::right;
  cli::Table table({{"SERVER", cli::Table::Align::left, true},
                    {"ST", right},
                    {"REFERENCE", cli::Table::Align::left, false, true},
                    {"OFFSET s", right},
                    {"BOUND s", right}});
  for (const ServerResult& hop : chain.hops)
    table.row({server_label(hop), std::to_string(hop.reply->stratum), hop.reference(),
               signed_seconds(hop.estimate->offset), plain_seconds(hop.bound)});
  return fmt::format("{}{}{}\n", cli::for_stdout(table),
                     chain.complete ? "ends at " : "ends here: ", chain.end);
}

}  // namespace

Result<cli::Exit> follow_chain(const Settings& settings) {
  const auto names = server_names(settings);
  if (!names) return names.error();
  const auto manner = manner_of(settings);
  if (!manner) return manner.error();
  const Chain chain = climb(names->front(), settings, *manner);
  if (settings.json) {
    cli::print(json(chain));
  } else if (!chain.hops.empty()) {
    cli::print(text(chain));
  } else {
    cli::notice("ntpprobe", chain.end);
  }
  return chain.hops.empty() ? cli::Exit::no : cli::Exit::done;
}

}  // namespace coord::ntpprobe
