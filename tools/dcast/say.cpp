// SPDX-License-Identifier: MIT
// dcast NAME PAYLOAD: hands it to this host's peer, and waits until another member has it too.
#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "dcast/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::dcast {

namespace {

Result<cli::Exit> taken(const Settings& settings, const casts::Taken& what) {
  if (settings.json) {
    cli::JsonObject object;
    object.name("name", settings.name).text("id", text_of(what.id));
    object.integer("members", what.members).boolean("confirmed", what.confirmed);
    cli::print(object.line());
  }
  if (what.confirmed || what.members == 0) return cli::Exit::done;
  return Error{
      ErrorKind::unknown, cli::shown(settings.name),
      fmt::format("this host's peer has it, but none of {} other members has said so in time", what.members),
      "it is still being told: look at dpeers"};
}

}  // namespace

Result<cli::Exit> say(const Settings& settings) {
  Exchange what;
  what.request = [&](Duration patience) { return casts::Say{settings.name, settings.payload, patience}; };
  if (settings.wait) what.end = process::boot_now() + *settings.wait;
  what.lost = ErrorKind::unknown;
  what.lost_remedy = "it may have been cast";
  auto told = exchange(settings, what);
  if (!told) return told.error();
  if (const auto* has = std::get_if<casts::Taken>(&*told)) return taken(settings, *has);
  cli::notice("dcast", fmt::format("{}: too many casts at once on this host: this one was not made",
                                   cli::shown(settings.name)));
  return cli::Exit::no;
}

}  // namespace coord::dcast
