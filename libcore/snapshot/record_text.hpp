// SPDX-License-Identifier: MIT
// A snapshot as text: JSON lines, one object a line, each with "schema":1 and a "type".
//
//   {"schema":1,"type":"snapshot","id":"..","group":"bank","complete":true,"missing":[],"why":[],
//    "at":"2026-11-22T01:27:15.123456789Z","view":7,"members":[{"id":"P1","life":41,"host":"a"},..],"lines":3}
//   {"schema":1,"type":"process","id":"P1","host":"a","state":"sum=40","clock":{"P1":9,"P2":4},
//    "external":false,"sent":{"P2":5},"received":{"P2":3}}
//   {"schema":1,"type":"channel","from":"P1","to":"P2","messages":[{"number":5,"body":"pay=3","clock":{..}}],"full":false}
//
// The snapshot's line comes first and says how many follow it, so that a file that was cut off is known.
// Bytes that are not UTF-8 are shown escaped and stand again, exactly, in NAME_b64 (group, host, state,
// body). Fields are only ever added: those that a reader does not know it passes over. A type that it does
// not know it refuses, for it could be what makes the snapshot incomplete.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "snapshot/record.hpp"

namespace coord::record {

// An Error (data) if the record is larger than a file may be.
Result<std::string> to_text(const Snapshot& snapshot);

// Its first line alone, for `lines` that follow as they are.
std::string head_line(const Snapshot& snapshot, std::size_t lines);

// What such a line says.
Result<Snapshot> head_of(std::string_view line, const std::string& name);

// An Error (data) names `name` with the line, and says what of it is wrong. `text` has at most
// most_record_bytes.
Result<Snapshot> from_text(std::string_view text, const std::string& name);

}  // namespace coord::record
