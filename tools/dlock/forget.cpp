// SPDX-License-Identifier: MIT
// dlock --forget-algorithm NAME: the name is no algorithm's any more, without waiting for it to be idle long.
#include "cli/connect.hpp"
#include "cli/held_session.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "dlock/request.hpp"
#include "dlock/settings.hpp"

namespace coord::dlock {

// By taking it as any lock, and letting it go.
Result<cli::Exit> forget_algorithm(const Settings& settings) {
  const std::string object = cli::shown(settings.name_list);
  auto peer = cli::connect_to_peer(settings.peer, "dlock");
  if (!peer) return peer.error();
  if (peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host", "its release has no --algorithm",
                 "install this release's coordd"};
  cli::SessionTerms terms;
  terms.tool = "dlock";
  terms.object = object;
  terms.peer = settings.peer;
  terms.request = request_of(settings);
  terms.request.wait = false;
  terms.request.part = service::TakePart{};
  terms.request.part->ends = true;
  if (Status sent = peer->send(terms.request); !sent) return sent.error();
  cli::MessageCounts counts;
  cli::HeldSession session(std::move(terms), std::move(*peer), counts, {});
  const auto verdict = session.wait_for_verdict({});
  if (!verdict) return verdict.error();
  if (std::holds_alternative<local::Granted>(*verdict)) {
    session.let_go();
    return cli::Exit::done;
  }
  const auto* refused = std::get_if<local::Refused>(&*verdict);
  if (refused == nullptr) return Error{ErrorKind::unavailable, object, "the peer does not answer", ""};
  const bool is_in_use = refused->kind == local::RefusedKind::held;
  if (!is_in_use && refused->kind != local::RefusedKind::forgotten)
    return Error{refused->kind == local::RefusedKind::mismatch ? ErrorKind::usage : ErrorKind::unavailable,
                 object, refused->why, ""};
  if (!settings.quiet) cli::notice("dlock", object + ": " + refused->why);
  return cli::Exit::no;
}

}  // namespace coord::dlock
