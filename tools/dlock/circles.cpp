// SPDX-License-Identifier: MIT
// dlock --waits --algorithm cmh: the circles of waits that probes between the hosts have gone round, also
// those through names that are entered by an algorithm (agreements/part_circles.cpp).
#include <chrono>

#include "agreements/messages.hpp"
#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "dlock/settings.hpp"
#include "process/boot_time.hpp"
#include "wire/archive.hpp"
#include "wire/channel.hpp"

namespace coord::dlock {

namespace {

constexpr Duration patience = std::chrono::seconds(5);  // two rounds take a second and a half

Result<agreements::Circles> ask(engine::LocalConnection& peer) {
  const Error silent{ErrorKind::unavailable, "waits", "the peer does not answer", ""};
  constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::agreements);
  const local::ToPart question{1, channel, wire::encode(agreements::FromTool(agreements::FindCircles{}), 2)};
  if (Status sent = peer.send(question); !sent) return sent.error();
  const Instant end = process::boot_now() + patience;
  for (;;) {
    auto answer = peer.wait(end);
    if (!answer) return answer.error();
    if (!answer->has_value()) return silent;
    if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      const bool no_part = cli::is_without_part(*refused);
      return Error{no_part ? ErrorKind::usage : ErrorKind::unavailable, "waits", refused->why, ""};
    }
    const auto* said = std::get_if<local::FromPart>(&**answer);
    if (said == nullptr) continue;
    auto told = wire::decode<agreements::ToTool>(said->bytes);
    if (!told) return told.error();
    if (const auto* why = std::get_if<agreements::CannotTell>(&*told))
      return Error{ErrorKind::unavailable, "waits", why->text, ""};
    if (auto* circles = std::get_if<agreements::Circles>(&*told)) return std::move(*circles);
  }
}

std::string json_of(const agreements::Circle& circle, std::string_view scope) {
  cli::JsonArray steps;
  for (std::size_t i = 0; i < circle.steps.size() && i < circle.waiters.size(); ++i) {
    const agreements::WaitStep& step = circle.steps[i];
    const agreements::WaitParty& party = circle.waiters[i];
    cli::JsonObject one;
    one.name("name", step.name).boolean("classical", step.classical).id("wait", Token{step.number});
    one.id("session", step.waiter).id("blocker", step.blocker);
    one.text("host", party.host).integer("pid", party.pid).text("user", party.user);
    steps.object(one.text("command", party.command));
  }
  cli::JsonObject object;
  return object.array("circle", steps).text("scope", scope).line();
}

}  // namespace

Result<cli::Exit> find_circles(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dlock");
  if (!peer) return peer.error();
  if (peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host", "its release has no --algorithm",
                 "install this release's coordd"};
  const auto found = ask(*peer);
  if (!found) return found.error();
  const std::string_view scope = name_of(peer->welcome().scope);
  cli::Table table({{"CIRCLE", cli::Table::Align::right},
                    {"HOST"},
                    {"PID", cli::Table::Align::right},
                    {"USER"},
                    {"COMMAND", cli::Table::Align::left, true},
                    {"WAITS"},
                    {"NAME"}});
  std::size_t number = 0;
  for (const agreements::Circle& circle : found->circles) {
    ++number;
    if (settings.json) cli::print(json_of(circle, scope));
    for (std::size_t i = 0; i < circle.steps.size() && i < circle.waiters.size(); ++i) {
      const agreements::WaitParty& party = circle.waiters[i];
      table.row({std::to_string(number), party.host, std::to_string(party.pid), party.user, party.command,
                 circle.steps[i].classical ? "to enter" : "for", circle.steps[i].name});
    }
  }
  if (!settings.json && !table.empty()) cli::print(cli::for_stdout(std::move(table).with("SCOPE", scope)));
  if (!found->circles.empty()) return cli::Exit::no;
  if (found->silent.empty()) return cli::Exit::done;
  std::string hosts;
  for (const std::string& host : found->silent) hosts += (hosts.empty() ? "" : ", ") + cli::shown(host);
  return Error{ErrorKind::unavailable, "waits",
               fmt::format("no answer from {}: no circle among the others", hosts), ""};
}

}  // namespace coord::dlock
