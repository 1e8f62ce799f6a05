// SPDX-License-Identifier: MIT
#include "dcast/listener.hpp"

#include <string>
#include <utility>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "dcast/running.hpp"
#include "process/boot_time.hpp"

namespace coord::dcast {

namespace {

using process::boot_now;

constexpr std::size_t most_ids = 65'536;  // as many as peers remember

}  // namespace

casts::FromTool Listener::begin() const {
  return casts::Listen{settings_.name, began_ ? boot_now() - *began_ : Duration{}, settings_.causal};
}

Followed::Took Listener::take(const casts::ToTool& told) {
  if (Status done = hear(told); !done) ended_ = done.error();
  Followed::Took took;
  took.end = ended_;
  if (!std::holds_alternative<casts::Listening>(told)) took.reply = casts::Took{1};
  return took;
}

Status Listener::hear(const casts::ToTool& told) {
  if (std::holds_alternative<casts::Listening>(told)) {
    if (!began_) began_ = boot_now();
    if (settings_.json)
      cli::print(cli::JsonObject().text("event", "listening").name("name", settings_.name).line());
  } else if (const auto* lost = std::get_if<casts::Lost>(&told)) {
    tell(*lost);
  } else if (const auto* gap = std::get_if<casts::Gap>(&told)) {
    tell(*gap);
  } else if (const auto* came = std::get_if<casts::Came>(&told); came != nullptr && is_new(came->id)) {
    if (Status done = show(*came); !done) return done;
    if (++heard_ == settings_.count && !ended_) ended_ = cli::Exit(worst_);
  }
  return done();
}

void Listener::tell(const casts::Lost& lost) const {
  if (settings_.json) {
    cli::JsonObject object;
    object.text("event", "lost").name("name", settings_.name).integer("count", lost.count);
    return cli::print(object.line());
  }
  cli::notice("dcast", fmt::format("{}: {} casts are missing here: they came faster than they were taken",
                                   cli::shown(settings_.name), lost.count));
}

// Before the next one there should have been others, perhaps of other names.
void Listener::tell(const casts::Gap& gap) const {
  std::string hosts;
  cli::JsonArray missing;
  for (const casts::Missing& one : gap.missing) {
    hosts += fmt::format("{}{} of {}", hosts.empty() ? "" : ", ", text_of(one.id), cli::shown(one.host));
    missing.object(cli::JsonObject().text("id", text_of(one.id)).name("host", one.host));
  }
  if (settings_.json) {
    cli::JsonObject object;
    object.text("event", "gap").name("name", settings_.name).array("missing", missing);
    return cli::print(object.line());
  }
  cli::notice("dcast", fmt::format("{}: a gap before the next one: {} did not come",
                                   cli::shown(settings_.name), hosts));
}

bool Listener::is_new(const casts::CastId& id) {
  if (!ids_.insert(id).second) return false;
  order_.push_back(id);
  if (order_.size() > most_ids) {
    ids_.erase(order_.front());
    order_.pop_front();
  }
  return true;
}

Status Listener::show(const casts::Came& came) {
  if (!settings_.command.argv.empty()) return run(came);
  const casts::Letter& letter = came.letter;
  if (settings_.json) {
    cli::JsonObject object;
    object.text("event", "cast").name("name", letter.name).text("id", text_of(came.id));
    object.name("host", letter.host).name("user", letter.user).time("sent", letter.sent);
    cli::print(object.name("payload", letter.payload).line());
  } else {
    cli::print(cli::shown(letter.payload) + "\n");
  }
  return done();
}

// One command after the other: what comes meanwhile waits at the peer.
Status Listener::run(const casts::Came& came) {
  auto ran = dcast::run(settings_.command, came.id, came.letter);
  if (!ran) return ran.error();
  if (auto* error = std::get_if<cli::SpawnError>(&*ran)) {
    cli::complain("dcast", error->error);
    ended_ = error->exit;
    return done();
  }
  const auto& outcome = std::get<cli::Outcome>(*ran);
  const int status = static_cast<int>(outcome.exit());
  if (status != 0) worst_ = status;
  if (ends_all(outcome)) {
    ended_ = outcome.exit();
  } else if (status != 0 && !settings_.quiet) {
    cli::notice("dcast", fmt::format("{}: {} ended with status {}", cli::shown(settings_.name),
                                     cli::shown(settings_.command.argv.front()), status));
  }
  return done();
}

}  // namespace coord::dcast
