(* Every claim that Coq checks, under its own name, written afresh with nothing but sums, ln, exp, derivatives and lists, and closed by the library's theorem.
   What a claim says can be read here alone: Σ j < n, e is the sum over j = 0, .., n-1 (Base.v); all else is Coq's or Coquelicot's.
   When a library theorem drifts from its claim, this file no longer compiles. docs/theory.md has the prose; claims.json the table. *)
From Coq Require Import Reals Lra Lia Arith List Permutation.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base.
From Compresslab Require Line Mixture Rate Elasticity AnyNumber ThreeDatasets Exchange TurningPoint Lorenz AnyMean CodeLength Quantization Trees Logit LogitTree.
From Compresslab Require LogitFlow LogitLimit ExchangeRate LinearRange Depth Effective Parametric ParametricSoftmax EarlyStopping Counterexamples LogitCounterexamples.
Open Scope R_scope.

(* ---------- token trees and codes ---------- *)

(* prune-mix-commute: a dataset is a list of phrases, a tree pruned to depth d counts their first d symbols *)
Theorem prune_mix_commute : forall (symbol : Type) (dec : forall a b : symbol, {a = b} + {a <> b}) (N : nat) (D : nat ->
  list (list symbol)) (d e : nat),
  let count D v := count_occ (list_eq_dec dec) D v in let prune d D := map (firstn d) D in let union := concat (map D (seq 0 N)) in
  let weight D v := INR (count (prune d D) v) / INR (length D) in
  (forall D' v, Permutation D' union -> count (prune d D') v = list_sum (map (fun i => count (prune d (D i)) v) (seq 0 N))) /\
  (forall v, (forall i, (i < N)%nat -> 0 < INR (length (D i))) ->
    weight union v = (Σ i < N, INR (length (D i)) * weight (D i) v) / Σ i < N, INR (length (D i))) /\
  prune e (prune d union) = prune (min e d) union /\
  (forall leaves, 0 < INR (length union) -> NoDup leaves -> incl (prune d union) leaves -> fold_right Rplus 0 (map (weight union) leaves) = 1).
Proof. exact Trees.prune_mix_commute. Qed.

(* the same in arrays: c s x counts phrase x in dataset s, A x v is the share of phrase x that falls on leaf v, B v u that of leaf v on node u *)
Theorem prune_mix_commute_arrays : forall (K D N : nat) (A B c : nat -> nat -> R), (forall x, (x < K)%nat -> (Σ v < D, A x v) = 1) ->
  (forall s, (s < N)%nat -> 0 < Σ x < K, c s x) -> let n s := Σ x < K, c s x in let weight s v := (Σ x < K, A x v * c s x) / n s in
  (forall v, (Σ x < K, A x v * Σ s < N, c s x) = Σ s < N, Σ x < K, A x v * c s x) /\ (Σ x < K, Σ s < N, c s x) = (Σ s < N, n s) /\
  (forall s u, (s < N)%nat -> (Σ v < D, B v u * weight s v) = (Σ x < K, c s x * Σ v < D, A x v * B v u) / n s) /\
  (forall s, (s < N)%nat -> (Σ v < D, weight s v) = 1).
Proof. exact Trees.prune_mix_commute_arrays. Qed.

(* and a node's count is what its children count and what ends there *)
Theorem prune_mix_commute_children : forall (symbol : Type) (dec : forall a b : symbol, {a = b} + {a <> b}) (D : list (list symbol)) v alphabet,
  let count D v := count_occ (list_eq_dec dec) D v in let node v := count (map (firstn (length v)) D) v in
  NoDup alphabet -> (forall x, In x D -> incl x alphabet) -> node v = (count D v + list_sum (map (fun a => node (v ++ a :: nil)) alphabet))%nat.
Proof. exact Trees.prune_mix_commute_children. Qed.

(* code-length-bounds: n phrases coded one by one with a best prefix code c; z is the entropy rounded up; c' any code that can be decoded *)
Theorem code_length_bounds : forall (M : nat) (p : nat -> R), (forall j, (j < M)%nat -> 0 < p j) -> (Σ j < M, p j) = 1 ->
  let prefix_code c := forall i j, (i < M)%nat -> (j < M)%nat -> i <> j -> forall s : list bool, c j <> c i ++ s in
  let cost (c : nat -> list bool) := Σ j < M, p j * INR (length (c j)) in
  let entropy := - (Σ j < M, p j * (ln (p j) / ln 2)) in
  forall (c : nat -> list bool) (n : nat) (z : Z), (prefix_code c /\ forall c', prefix_code c' -> cost c <= cost c') -> (0 < n)%nat ->
  IZR z - 1 < entropy <= IZR z ->
  INR n * entropy <= INR n * cost c < INR n * (entropy + 1) /\ Rabs (INR n * IZR z - INR n * cost c) < INR n /\
  (forall c' : nat -> list bool,
    (forall s t, (forall x, In x s -> (x < M)%nat) -> (forall x, In x t -> (x < M)%nat) -> concat (map c' s) = concat (map c' t) -> s = t) ->
    cost c <= cost c' /\ entropy <= cost c').
Proof. exact CodeLength.code_length_bounds. Qed.
(* and a best prefix code exists *)
Theorem code_length_bounds_best_exists : forall (M : nat) (p : nat -> R), (forall j, (j < M)%nat -> 0 < p j) -> (Σ j < M, p j) = 1 ->
  exists c : nat -> list bool, (forall i j, (i < M)%nat -> (j < M)%nat -> i <> j -> forall s, c j <> c i ++ s) /\
  forall c', (forall i j, (i < M)%nat -> (j < M)%nat -> i <> j -> forall s : list bool, c' j <> c' i ++ s) ->
    (Σ j < M, p j * INR (length (c j))) <= Σ j < M, p j * INR (length (c' j)).
Proof. exact CodeLength.code_length_bounds_best_exists. Qed.

(* code-length-not-equality *)
Theorem code_length_not_equality : let prefix_code c := forall i j, (i < 3)%nat -> (j < 3)%nat -> i <> j -> forall s : list bool, c j <> c i ++ s in
  let cost p (c : nat -> list bool) := Σ j < 3, p j * INR (length (c j)) in let entropy p := - (Σ j < 3, p j * (ln (p j) / ln 2)) in
  let p j := match j with 0%nat => 8/10 | _ => 1/10 end in let u (j : nat) := 1/3 in
  (0 < entropy p < 1 /\ (forall c, prefix_code c -> 6/5 <= cost p c) /\ exists c, prefix_code c /\ cost p c = 6/5) /\
  (1 < entropy u < 2 /\ exists c, prefix_code c /\ cost u c = 5/3).
Proof. exact CodeLength.code_length_not_equality. Qed.

(* code-length-block-limit: block i of m phrases is coded in base M, and has the product of their masses *)
Theorem code_length_block_limit : forall (M : nat) (p : nat -> R) (c : nat -> nat -> list bool), (forall j, (j < M)%nat -> 0 < p j) ->
  (Σ j < M, p j) = 1 ->
  let block := fix block (m i : nat) : R := match m with O => 1 | S m' => block m' (i / M)%nat * p (i mod M)%nat end in
  let prefix_code K c := forall i j, (i < K)%nat -> (j < K)%nat -> i <> j -> forall s : list bool, c j <> c i ++ s in
  let cost m (c : nat -> list bool) := Σ i < M ^ m, block m i * INR (length (c i)) in
  let entropy := - (Σ j < M, p j * (ln (p j) / ln 2)) in
  (forall m, prefix_code (M ^ m)%nat (c m) /\ forall c', prefix_code (M ^ m)%nat c' -> cost m (c m) <= cost m c') ->
  (forall m, INR m * entropy <= cost m (c m) < INR m * entropy + 1) /\ is_lim_seq (fun m => cost m (c m) / INR m) entropy.
Proof. exact CodeLength.code_length_block_limit. Qed.

(* quantization-overhead: A symbols share f + A parts, each its share of f rounded down and one part more *)
Theorem quantization_overhead : forall (A : nat) (q : nat -> R) (f : R) (share : nat -> R) (first : nat), (Σ j < A, q j) = 1 -> 0 < f ->
  (first < A)%nat ->
  (forall j, (j < A)%nat -> 0 <= share j /\ share j <= f * q j < share j + 1) ->
  let weight j := 1 + share j + (if Nat.eqb j first then f - Σ i < A, share i else 0) in
  (Σ j < A, weight j) = f + INR A /\ (forall j, (j < A)%nat -> 1 <= weight j) /\
  forall e, (e < A)%nat -> 0 < q e -> - (ln (weight e / (f + INR A)) / ln 2) < - (ln (q e) / ln 2) - ln (f / (f + INR A)) / ln 2.
Proof. exact Quantization.quantization_overhead. Qed.

(* rate-identity and rate-bounds: own is the number of leaves of the dataset, u the uniform law on them *)
Theorem rate_identity : forall (M : nat) (p mix : nat -> R), (forall j, (j < M)%nat -> 0 <= p j) -> (Σ j < M, p j) = 1 -> (forall j, (j < M)%nat ->
  0 < mix j) ->
  let own := Σ j < M, (if Rlt_dec 0 (p j) then 1 else 0) in let u j := (if Rlt_dec 0 (p j) then 1 else 0) / own in
  - (Σ j < M, p j * ln (mix j)) - ln own = (Σ j < M, p j * ln (p j / mix j)) - Σ j < M, p j * ln (p j / u j).
Proof. exact Rate.rate_identity. Qed.
Theorem rate_bounds : forall (M : nat) (p mix : nat -> R) (w : R), (forall j, (j < M)%nat -> 0 <= p j) -> (Σ j < M, p j) = 1 ->
  (forall j, (j < M)%nat -> 0 < mix j) -> 0 < w -> (forall j, (j < M)%nat -> w * p j <= mix j) -> (forall j, (j < M)%nat -> mix j <= 1) ->
  let own := Σ j < M, (if Rlt_dec 0 (p j) then 1 else 0) in - ln own <= - (Σ j < M, p j * ln (mix j)) - ln own <= ln (1 / w).
Proof. exact Rate.rate_bounds. Qed.

(* normalization-units *)
Theorem normalization_units : forall c d m rho, 0 < d -> 0 < m -> 0 < rho ->
  (c - ln m) / d - (c / d - ln m) = (1 - 1 / d) * ln m /\ (c - ln m) / (d / rho) = rho * ((c - ln m) / d) /\
  c / (d / rho) - ln m - rho * (c / d - ln m) = (rho - 1) * ln m /\
  (forall V k, 0 < V -> (INR k * ln V - ln (V ^ k)) / INR k = 0 /\ ((0 < k)%nat -> INR k * ln V / INR k - ln (V ^ k) = (1 - INR k) * ln V)) /\
  (forall (f : R -> R) x, Derive (fun e => f e / d - ln m) x = Derive (fun e => (f e - ln m) / d) x).
Proof. exact Rate.normalization_units. Qed.

(* ---------- joint compression: N datasets with volumes n, M leaves; C i t e is the code length of dataset i when t has e more ---------- *)

(* volume-derivative *)
Theorem volume_derivative : forall (N M : nat) (n : nat -> R) (p : nat -> nat -> R),
  let Q j := Σ s < N, n s * p s j in let W := Σ s < N, n s in
  (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < Q j) -> 0 < W ->
  let C i t e := - Σ j < M, p i j * ln ((Σ s < N, (n s + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < N,
    (n s + (if Nat.eqb s t then e else 0))) in
  forall i t, (i < N)%nat -> (t < N)%nat ->
  Derive (C i t) 0 = / W - (Σ j < M, p i j * p t j / Q j) /\ Derive (C i t) 0 = Derive (C t i) 0.
Proof. exact Mixture.volume_derivative. Qed.

(* conservation-law *)
Theorem conservation_law : forall (N M : nat) (n : nat -> R) (p : nat -> nat -> R),
  (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < Σ s < N, n s * p s j) -> 0 < (Σ s < N, n s) ->
  let C i t e := - Σ j < M, p i j * ln ((Σ s < N, (n s + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < N,
    (n s + (if Nat.eqb s t then e else 0))) in
  forall t, (t < N)%nat -> (Σ i < N, n i * Derive (C i t) 0) = 0.
Proof. exact Mixture.conservation_law. Qed.

(* own-rate-falls *)
Theorem own_rate_falls : forall (N M : nat) (n : nat -> R) (p : nat -> nat -> R), let Q j := Σ s < N, n s * p s j in let W := Σ s < N, n s in
  (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < Q j) -> 0 < W ->
  let C i t e := - Σ j < M, p i j * ln ((Σ s < N, (n s + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < N,
    (n s + (if Nat.eqb s t then e else 0))) in
  forall t, (t < N)%nat -> Derive (C t t) 0 <= 0 /\ (Derive (C t t) 0 = 0 <-> forall j, (j < M)%nat -> p t j = Q j / W) /\
  (0 <= n t -> 0 <= Σ i < N, (if Nat.eqb i t then 0 else n i * Derive (C i t) 0)).
Proof. exact Mixture.own_rate_falls. Qed.

(* overlap-sign *)
Theorem overlap_sign : forall (N M : nat) (n : nat -> R) (p : nat -> nat -> R), let Q j := Σ s < N, n s * p s j in let W := Σ s < N, n s in
  (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < Q j) -> 0 < W ->
  let C i t e := - Σ j < M, p i j * ln ((Σ s < N, (n s + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < N,
    (n s + (if Nat.eqb s t then e else 0))) in
  let o i t := Σ j < M, p i j * p t j / (Q j / W) in
  forall i t, (i < N)%nat -> (t < N)%nat -> Derive (C i t) 0 = (1 - o i t) / W /\ (0 < Derive (C i t) 0 <-> o i t < 1) /\
  o t t - 1 = Σ j < M, Rsqr (p t j - Q j / W) / (Q j / W).
Proof. exact Mixture.overlap_sign. Qed.

(* second-derivative *)
Theorem second_derivative : forall (N M : nat) (n : nat -> R) (p : nat -> nat -> R), let Q j := Σ s < N, n s * p s j in let W := Σ s < N, n s in
  (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < Q j) -> 0 < W ->
  let C i t e := - Σ j < M, p i j * ln ((Σ s < N, (n s + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < N,
    (n s + (if Nat.eqb s t then e else 0))) in
  forall i t, (i < N)%nat -> (t < N)%nat -> Derive_n (C i t) 2 0 = (Σ j < M, p i j * (p t j * p t j) / (Q j * Q j)) - / (W * W).
Proof. exact Mixture.second_derivative. Qed.

(* rebound-slows *)
Theorem rebound_slows : forall (N M : nat) (n : nat -> R) (p : nat -> nat -> R), let W := Σ s < N, n s in
  (forall s j, (s < N)%nat -> (j < M)%nat -> 0 <= p s j) ->
  (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < Σ s < N, n s * p s j) -> 0 < W ->
  let C i t e := - Σ j < M, p i j * ln ((Σ s < N, (n s + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < N,
    (n s + (if Nat.eqb s t then e else 0))) in
  forall i t, (i < N)%nat -> (t < N)%nat -> Derive (C i t) 0 * (Derive (C i t) 0 - 2 / W) <= Derive_n (C i t) 2 0 /\
  (Derive (C i t) 0 <= 0 -> 0 <= Derive_n (C i t) 2 0).
Proof. exact Mixture.rebound_slows. Qed.

(* sign-turns-once, and its strict forms: u is coded, v added to a volume V with masses B *)
Theorem sign_turns_once : forall (M : nat) (B v : nat -> R) (V : R), (forall j, (j < M)%nat -> 0 <= v j) -> forall (u : nat -> R) (l d : R), 0 <= d ->
  (forall j, (j < M)%nat -> 0 < B j + l * v j) /\ 0 < V + l -> (Σ j < M, u j) = 1 -> (forall j, (j < M)%nat -> 0 <= u j) ->
  let y l := Σ j < M, u j * v j / (B j + l * v j) in let gamma l := - Σ j < M, u j * ln ((B j + l * v j) / (V + l)) in
  d * y l * y (l + d) <= y l - y (l + d) /\ (0 <= Derive gamma l -> 0 <= Derive gamma (l + d)).
Proof. exact Line.sign_turns_once. Qed.
Theorem sign_turns_once_strict : forall (M : nat) (B v : nat -> R) (V : R), (forall j, (j < M)%nat -> 0 <= v j) -> forall (u : nat ->
  R) (l d : R), 0 <= d ->
  (forall j, (j < M)%nat -> 0 < B j + l * v j) /\ 0 < V + l -> (Σ j < M, u j) = 1 -> (forall j, (j < M)%nat -> 0 <= u j) ->
  let gamma l := - Σ j < M, u j * ln ((B j + l * v j) / (V + l)) in (0 < Derive gamma l -> 0 < Derive gamma (l + d)) /\
  (0 < d -> 0 <= Derive gamma l -> (Derive gamma (l + d) = 0 <-> forall j, (j < M)%nat -> 0 < u j -> v j * (V + l) = B j + l * v j)).
Proof. exact Line.sign_turns_once_strict. Qed.

(* hooke-forward *)
Theorem hooke_forward : forall (N M : nat) (n : nat -> R) (p : nat -> nat -> R), (forall s j, (s < N)%nat -> (j < M)%nat -> 0 <= p s j) ->
  (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < Σ s < N, n s * p s j) -> 0 < (Σ s < N, n s) ->
  let mix t e j := (Σ s < N, (n s + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < N, (n s + (if Nat.eqb s t then e else 0)) in
  forall t, (t < N)%nat -> (Σ i < N, n i * Derive (fun e => Σ j < M, p i j * ln (p i j / mix t e j)) 0) = 0.
Proof. exact Mixture.hooke_forward. Qed.

(* hooke-reverse-derivative *)
Theorem hooke_reverse_derivative : forall (N M : nat) (n : nat -> R) (p : nat -> nat ->
  R), let Q j := Σ s < N, n s * p s j in let W := Σ s < N, n s in
  (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < Q j) -> 0 < W ->
  let mix t e j := (Σ s < N, (n s + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < N, (n s + (if Nat.eqb s t then e else 0)) in
  forall i t, (i < N)%nat -> (t < N)%nat -> (forall j, (j < M)%nat -> 0 < p i j) ->
  Derive (fun e => Σ j < M, mix t e j * ln (mix t e j / p i j)) 0 = Σ j < M, (p t j - Q j / W) / W * ln (Q j / W / p i j).
Proof. exact Mixture.hooke_reverse_derivative. Qed.

(* hooke-reverse-not-conserved, hooke-all-equal: two datasets of one volume *)
Theorem hooke_reverse_not_conserved : let p i j := match i, j with 0%nat, _ => 1/2 | _, 0%nat => 1/4 | _, _ => 3/4 end in
  let mix t e j := (Σ s < 2, (1 + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < 2, (1 + (if Nat.eqb s t then e else 0)) in
  (Σ i < 2, 1 * Derive (fun e => Σ j < 2, mix 0%nat e j * ln (mix 0%nat e j / p i j)) 0) <> 0.
Proof. exact Counterexamples.hooke_reverse_not_conserved. Qed.
Theorem hooke_all_equal : let p i j := if Nat.eqb i j then 1 else 0 in
  let C i t e := - Σ j < 2, p i j * ln ((Σ s < 2, (1 + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < 2, (1 + (if Nat.eqb s t then e else 0))) in
  1 * Derive (C 1%nat 0%nat) 0 = 1/2 /\ 1 * Derive (C 0%nat 0%nat) 0 = - (1/2).
Proof. exact Counterexamples.hooke_all_equal. Qed.

(* ---------- the elasticity theorem: gamma u x is the code length of u when D_p, D_a, D_t have volumes k, 1, x ---------- *)

(* elasticity-ratio *)
Theorem elasticity_ratio : forall (M : nat) (k : R) (pp pa pt : nat -> R), 0 < k -> (Σ j < M, pp j) = 1 -> (Σ j < M, pa j) = 1 ->
  (Σ j < M, pt j) = 1 ->
  forall l, 0 <= l -> (forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pt j) ->
  let gamma u x := - Σ j < M, u j * ln ((k * pp j + pa j + x * pt j) / (k + 1 + x)) in
  Derive (gamma pa) l = - k * Derive (gamma pp) l - l * Derive (gamma pt) l.
Proof. exact Elasticity.elasticity_ratio. Qed.

(* elasticity-ratio-limit, and that dγ_p/dl(0) <> 0 is needed *)
Theorem elasticity_ratio_limit : forall (M : nat) (k : R) (pp pa pt : nat -> R), 0 < k -> (Σ j < M, pp j) = 1 -> (Σ j < M, pa j) = 1 ->
  (Σ j < M, pt j) = 1 ->
  forall C, 0 <= C -> (forall j, (j < M)%nat -> 0 < k * pp j + pa j) -> (forall j, (j < M)%nat -> 0 <= pt j) ->
  (forall j, (j < M)%nat -> pt j <= C * (k * pp j + pa j)) ->
  let gamma u x := - Σ j < M, u j * ln ((k * pp j + pa j + x * pt j) / (k + 1 + x)) in
  (forall l, 0 <= l -> 0 <= Derive (gamma pa) l + k * Derive (gamma pp) l <= l * C) /\
  is_lim (fun l => Derive (gamma pa) l + k * Derive (gamma pp) l) 0 0 /\
  (Derive (gamma pp) 0 <> 0 -> is_lim (fun l => Derive (gamma pa) l / Derive (gamma pp) l) 0 (- k)).
Proof. exact Elasticity.elasticity_ratio_limit. Qed.
Theorem elasticity_ratio_limit_always : forall (M : nat) (k : R) (pp pa pt : nat -> R), 0 < k -> (Σ j < M, pp j) = 1 -> (Σ j < M, pa j) = 1 ->
  (Σ j < M, pt j) = 1 -> (forall j, (j < M)%nat -> 0 < k * pp j + pa j) -> (forall j, (j < M)%nat -> 0 <= pt j) ->
  let gamma u x := - Σ j < M, u j * ln ((k * pp j + pa j + x * pt j) / (k + 1 + x)) in
  is_lim (fun l => Derive (gamma pa) l + k * Derive (gamma pp) l) 0 0 /\
  (Derive (gamma pp) 0 <> 0 -> is_lim (fun l => Derive (gamma pa) l / Derive (gamma pp) l) 0 (- k)).
Proof. exact Elasticity.elasticity_ratio_limit_always. Qed.
Theorem elasticity_ratio_limit_premise : let pp j := match j with 0%nat => 1/2 | _ => 1/4 end in let pa j := match j
  with 1%nat => 1/2 | _ => 1/4 end in
  let pt j := match j with 0%nat => 1/3 | 1%nat => 4/21 | _ => 10/21 end in
  let gamma u x := - Σ j < 3, u j * ln ((10 * pp j + pa j + x * pt j) / (10 + 1 + x)) in
  Derive (gamma pp) 0 = 0 /\ Derive (gamma pa) 0 = 0 /\ forall l, 0 < l -> Derive (gamma pa) l / Derive (gamma pp) l = 1.
Proof. exact Elasticity.elasticity_ratio_limit_premise. Qed.

(* elasticity-signs *)
Theorem elasticity_signs : forall (M : nat) (k : R) (pp pa pt : nat -> R), 0 < k -> (Σ j < M, pp j) = 1 -> (Σ j < M, pa j) = 1 ->
  forall l, 0 <= l -> (forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pt j) ->
  let gamma u x := - Σ j < M, u j * ln ((k * pp j + pa j + x * pt j) / (k + 1 + x)) in
  let o u := Σ j < M, u j * pt j / ((k * pp j + pa j + l * pt j) / (k + 1 + l)) in
  (0 < Derive (gamma pa) l <-> o pa < 1) /\ (Derive (gamma pp) l < 0 <-> 1 < o pp).
Proof. exact Elasticity.elasticity_signs. Qed.

(* elasticity-same-data-reversed *)
Theorem elasticity_same_data_reversed : forall (M : nat) (k : R) (pp pa : nat -> R) (l : R), 0 < k -> 0 <= l -> (Σ j < M, pp j) = 1 ->
  (Σ j < M, pa j) = 1 ->
  (forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pa j) ->
  let gamma u x := - Σ j < M, u j * ln ((k * pp j + pa j + x * pa j) / (k + 1 + x)) in
  Derive (gamma pa) l <= 0 /\ 0 <= Derive (gamma pp) l /\ k * Derive (gamma pp) l = - (1 + l) * Derive (gamma pa) l.
Proof. exact Elasticity.elasticity_same_data_reversed. Qed.

(* elasticity-separate-disjoint-fails *)
Theorem elasticity_separate_disjoint_fails : forall (M : nat) (k : R) (pp pa pt : nat -> R), 0 < k -> (Σ j < M, pp j) = 1 -> (Σ j < M, pa j) = 1 ->
  forall l, 0 <= l -> (forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pt j) ->
  let gamma u x := - Σ j < M, u j * ln ((k * pp j + pa j + x * pt j) / (k + 1 + x)) in
  ((forall j, (j < M)%nat -> pp j * pt j = 0) -> Derive (gamma pp) l = / (k + 1 + l) /\ 0 < Derive (gamma pp) l) /\
  ((forall j, (j < M)%nat -> pa j * pt j = 0) -> Derive (gamma pa) l = / (k + 1 + l)).
Proof. exact Elasticity.elasticity_separate_disjoint_fails. Qed.

(* elasticity-fixed-roles *)
Theorem elasticity_fixed_roles : forall (M : nat) (k : R) (pp pa pt : nat -> R), 0 < k -> (Σ j < M, pp j) = 1 -> (Σ j < M, pa j) = 1 ->
  (Σ j < M, pt j) = 1 ->
  (forall j, (j < M)%nat -> 0 < pp j) -> (forall j, (j < M)%nat -> 0 <= pa j) -> (forall j, (j < M)%nat -> 0 <= pt j) -> forall l, 0 <= l ->
  let gamma u x := - Σ j < M, u j * ln ((k * pp j + pa j + x * pt j) / (k + 1 + x)) in
  let oat := Σ j < M, pa j * pt j / pp j in let ott := Σ j < M, pt j * pt j / pp j in let W := k + 1 + l in
  k * (1 - oat) / (W * W) <= Derive (gamma pa) l /\ Derive (gamma pp) l <= ((ott - 1) * l - (1 - oat)) / (W * (k + oat + l * ott)) /\
  (oat <= 1 -> 0 <= Derive (gamma pa) l /\ ((ott - 1) * l <= 1 - oat -> Derive (gamma pp) l <= 0)).
Proof. exact Elasticity.elasticity_fixed_roles. Qed.

(* elasticity-fixed-roles-threshold *)
Theorem elasticity_fixed_roles_threshold : forall (M : nat) (pp pa pt : nat -> R), (Σ j < M, pa j) = 1 -> (Σ j < M, pt j) = 1 ->
  (forall j, (j < M)%nat -> 0 < pp j) -> (forall j, (j < M)%nat -> 0 <= pa j) -> (forall j, (j < M)%nat -> 0 <= pt j) ->
  let oat := Σ j < M, pa j * pt j / pp j in
  let D k := Derive (fun x => - Σ j < M, pa j * ln ((k * pp j + pa j + x * pt j) / (k + 1 + x))) 0 in
  (forall k, 0 < k -> k * (1 - oat) / ((1 + k) * (1 + k)) <= D k /\
    D k <= / (1 + k) - oat / k + (Σ j < M, pa j * pa j * pt j / (pp j * pp j)) / (k * k)) /\
  is_lim (fun k => k * D k) p_infty (1 - oat).
Proof. exact Elasticity.elasticity_fixed_roles_threshold. Qed.

(* elasticity-finite-size: D_p is the union of three datasets in equal parts; D u a b is the derivative for the roles a, b *)
Theorem elasticity_finite_size : forall (M : nat) (p : nat -> nat -> R) (k l : R), (forall s j, (s < 3)%nat -> (j < M)%nat -> 0 <= p s j) ->
  (forall s, (s < 3)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < p 0%nat j + p 1%nat j + p 2%nat j) -> 0 < k -> 0 <= l ->
  let pp j := (p 0%nat j + p 1%nat j + p 2%nat j) / 3 in
  let D u a b := Derive (fun x => - Σ j < M, u j * ln ((k * pp j + p a j + x * p b j) / (k + 1 + x))) l in
  let six f := f 0%nat 1%nat + f 0%nat 2%nat + f 1%nat 0%nat + f 1%nat 2%nat + f 2%nat 0%nat + f 2%nat 1%nat in
  0 <= six (fun a b => D (p a) a b) / 6 /\ (l <= 1/2 -> six (fun a b => D pp a b) / 6 <= 0).
Proof. exact ThreeDatasets.elasticity_finite_size. Qed.

(* elasticity-finite-size-sharp *)
Theorem elasticity_finite_size_sharp : forall k l, 0 < k -> 0 <= l -> let p s j := if Nat.eqb s j then 1 else 0 in
  let pp j := (p 0%nat j + p 1%nat j + p 2%nat j) / 3 in
  let D u a b := Derive (fun x => - Σ j < 3, u j * ln ((k * pp j + p a j + x * p b j) / (k + 1 + x))) l in
  let six f := f 0%nat 1%nat + f 0%nat 2%nat + f 1%nat 0%nat + f 1%nat 2%nat + f 2%nat 0%nat + f 2%nat 1%nat in
  six (fun a b => D pp a b) / 6 = (2 * l - 1) / ((k + 1 + l) * (k + 3 * l)) /\ (1/2 < l -> 0 < six (fun a b => D pp a b) / 6).
Proof. exact ThreeDatasets.elasticity_finite_size_sharp. Qed.

(* elasticity-disjoint *)
Theorem elasticity_disjoint : forall (M : nat) (p : nat -> nat -> R) (k l : R), (forall s j, (s < 3)%nat -> (j < M)%nat -> 0 <= p s j) ->
  (forall s, (s < 3)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < p 0%nat j + p 1%nat j + p 2%nat j) -> 0 < k -> 0 <= l ->
  forall a b, (a < 3)%nat -> (b < 3)%nat -> a <> b -> (forall s j, (s < 3)%nat -> (j < M)%nat -> s <> b -> p s j * p b j = 0) ->
  let pp j := (p 0%nat j + p 1%nat j + p 2%nat j) / 3 in
  let D u := Derive (fun x => - Σ j < M, u j * ln ((k * pp j + p a j + x * p b j) / (k + 1 + x))) l in
  D (p a) = / (k + 1 + l) /\ D pp = (2 * l - 1) / ((k + 1 + l) * (k + 3 * l)) /\ D (p a) * (1 - 2 * l) = - (k + 3 * l) * D pp /\ (D pp < 0 <->
    l < 1/2).
Proof. exact ThreeDatasets.elasticity_disjoint. Qed.

(* elasticity-paper *)
Theorem elasticity_paper : forall (M : nat) (p : nat -> nat -> R) (k l : R), (forall s j, (s < 3)%nat -> (j < M)%nat -> 0 <= p s j) ->
  (forall s, (s < 3)%nat -> (Σ j < M, p s j) = 1) -> (forall j, (j < M)%nat -> 0 < p 0%nat j + p 1%nat j + p 2%nat j) -> 0 < k -> 0 <= l ->
  let pp j := (p 0%nat j + p 1%nat j + p 2%nat j) / 3 in
  let D u a b := Derive (fun x => - Σ j < M, u j * ln ((k * pp j + p a j + x * p b j) / (k + 1 + x))) l in
  let six f := f 0%nat 1%nat + f 0%nat 2%nat + f 1%nat 0%nat + f 1%nat 2%nat + f 2%nat 0%nat + f 2%nat 1%nat in
  0 <= six (fun a b => D (p a) a b) / 6 /\ (l <= 1/2 -> six (fun a b => D pp a b) / 6 <= 0) /\
  0 <= six (fun a b => D (p a) a b + k * D pp a b) / 6 <= l * (3 / (k + 3 * l) - / (k + 1 + l)).
Proof. exact ThreeDatasets.elasticity_paper. Qed.

(* elasticity-paper-fixed-roles, elasticity-alignment-concave *)
Theorem elasticity_paper_fixed_roles : let p1 j := match j with 0%nat => 0 | _ => 1 end in let p2 j := match j with 0%nat => 1 | _ => 0 end in
  Derive (fun x => - Σ j < 2, p2 j * ln ((3 * ((p1 j + p2 j + p2 j) / 3) + p2 j + x * p2 j) / (3 + 1 + x))) 0 = - (1/12).
Proof. exact ThreeDatasets.elasticity_paper_fixed_roles. Qed.
Theorem elasticity_alignment_concave : let p s j := if Nat.eqb s j then 0 else 1/2 in let pp j := (p 0%nat j + p 1%nat j + p 2%nat j) / 3 in
  let six f := f 0%nat 1%nat + f 0%nat 2%nat + f 1%nat 0%nat + f 1%nat 2%nat + f 2%nat 0%nat + f 2%nat 1%nat in
  0 < six (fun a b => Derive_n (fun x => - Σ j < 3, p a j * ln ((12 * pp j + p a j + x * p b j) / (12 + 1 + x))) 2 0).
Proof. exact ThreeDatasets.elasticity_alignment_concave. Qed.

(* elasticity-any-number: N datasets; the sums are over the N (N - 1) ways to give the two roles; X is their diversity *)
Theorem elasticity_any_number : forall (N M : nat) (p : nat -> nat -> R) (k l : R), let m j := / INR N * Σ s < N, p s j in
  (0 < N)%nat -> (forall s j, (s < N)%nat -> (j < M)%nat -> 0 <= p s j) -> (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) ->
  (forall j, (j < M)%nat -> 0 < m j) -> 0 < k -> 0 <= l ->
  let D u a b := Derive (fun x => - Σ j < M, u j * ln ((k * m j + p a j + x * p b j) / (k + 1 + x))) l in
  let pairs f := Σ a < N, Σ b < N, (if Nat.eqb a b then 0 else f a b) in
  let X := Σ s < N, Σ j < M, Rsqr (p s j - m j) / m j in let W := k + 1 + l in
  k * X / (W * W) <= pairs (fun a b => D (p a) a b) /\ 0 <= pairs (fun a b => D (p a) a b) /\
  pairs (fun a b => D m a b) <= - (1 - (INR N - 1) * l) * X / (W * W) /\ ((INR N - 1) * l <= 1 -> pairs (fun a b => D m a b) <= 0).
Proof. exact AnyNumber.elasticity_any_number. Qed.

(* elasticity-any-number-equality *)
Theorem elasticity_any_number_equality : forall (N M : nat) (p : nat -> nat -> R) (k l : R), let m j := / INR N * Σ s < N, p s j in
  (0 < N)%nat -> (forall s j, (s < N)%nat -> (j < M)%nat -> 0 <= p s j) -> (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) ->
  (forall j, (j < M)%nat -> 0 < m j) -> 0 < k -> 0 <= l ->
  let D u a b := Derive (fun x => - Σ j < M, u j * ln ((k * m j + p a j + x * p b j) / (k + 1 + x))) l in
  let pairs f := Σ a < N, Σ b < N, (if Nat.eqb a b then 0 else f a b) in
  let alike := forall s j, (s < N)%nat -> (j < M)%nat -> p s j = m j in
  (pairs (fun a b => D (p a) a b) = 0 -> alike) /\ ((INR N - 1) * l < 1 -> pairs (fun a b => D m a b) = 0 -> alike) /\
  (alike -> pairs (fun a b => D (p a) a b) = 0 /\ pairs (fun a b => D m a b) = 0).
Proof. exact AnyNumber.elasticity_any_number_equality. Qed.

(* elasticity-disjoint-any-number *)
Theorem elasticity_disjoint_any_number : forall (N M : nat) (p : nat -> nat -> R) (k l : R), let m j := / INR N * Σ s < N, p s j in
  (0 < N)%nat -> (forall s j, (s < N)%nat -> (j < M)%nat -> 0 <= p s j) -> (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) ->
  (forall j, (j < M)%nat -> 0 < m j) -> 0 < k -> 0 <= l ->
  forall a b, (forall s j, (s < N)%nat -> (j < M)%nat -> s <> b -> p s j * p b j = 0) -> (a < N)%nat -> (b < N)%nat -> a <> b ->
  let D u := Derive (fun x => - Σ j < M, u j * ln ((k * m j + p a j + x * p b j) / (k + 1 + x))) l in
  D (p a) = / (k + 1 + l) /\ D m = ((INR N - 1) * l - 1) / ((k + 1 + l) * (k + INR N * l)) /\ (D m < 0 <-> (INR N - 1) * l < 1).
Proof. exact AnyNumber.elasticity_disjoint_any_number. Qed.

(* elasticity-rebound-slows *)
Theorem elasticity_rebound_slows : forall (N M : nat) (p : nat -> nat -> R) (k l : R), let m j := / INR N * Σ s < N, p s j in
  (0 < N)%nat -> (forall s j, (s < N)%nat -> (j < M)%nat -> 0 <= p s j) -> (forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) ->
  (forall j, (j < M)%nat -> 0 < m j) -> 0 < k -> 0 <= l ->
  let gamma a b x := - Σ j < M, m j * ln ((k * m j + p a j + x * p b j) / (k + 1 + x)) in
  let pairs f := Σ a < N, Σ b < N, (if Nat.eqb a b then 0 else f a b) in
  - (2 / (k + 1 + l)) * pairs (fun a b => Derive (gamma a b) l) <= pairs (fun a b => Derive_n (gamma a b) 2 l) /\
  ((INR N - 1) * l <= 1 -> 0 <= pairs (fun a b => Derive_n (gamma a b) 2 l)).
Proof. exact AnyNumber.elasticity_rebound_slows. Qed.

(* elasticity-exchangeable: O outcomes with probabilities q; nothing about the N datasets changes in expectation when they change places *)
Theorem elasticity_exchangeable : forall (O : nat) (q : nat -> R), (forall w, (w < O)%nat -> 0 <= q w) -> forall (N M : nat) (X : nat -> nat ->
  nat -> R) (k l : R),
  let m w j := / INR N * Σ s < N, X w s j in let E F := Σ w < O, q w * F w in
  (1 < N)%nat -> (forall w s j, (w < O)%nat -> (s < N)%nat -> (j < M)%nat -> 0 <= X w s j) ->
  (forall w s, (w < O)%nat -> (s < N)%nat -> (Σ j < M, X w s j) = 1) -> (forall w j, (w < O)%nat -> (j < M)%nat -> 0 < m w j) -> 0 < k -> 0 <= l ->
  (forall (F : (nat -> nat -> R) -> R) (pi : nat -> nat),
    (forall s, (s < N)%nat -> (pi s < N)%nat) /\ (forall s t, (s < N)%nat -> (t < N)%nat -> pi s = pi t -> s = t) ->
    (forall p p', (forall s j, (s < N)%nat -> (j < M)%nat -> p s j = p' s j) -> F p = F p') ->
      E (fun w => F (fun s => X w (pi s))) = E (fun w => F (X w))) ->
  let D u w := Derive (fun x => - Σ j < M, u j * ln ((k * m w j + X w 0%nat j + x * X w 1%nat j) / (k + 1 + x))) l in
  0 <= E (fun w => D (X w 0%nat) w) /\ ((INR N - 1) * l <= 1 -> E (fun w => D (m w) w) <= 0).
Proof. exact Exchange.elasticity_exchangeable. Qed.

(* elasticity-separate-iid-reversed *)
Theorem elasticity_separate_iid_reversed : forall (O : nat) (q : nat -> R), (forall w, (w < O)%nat -> 0 <= q w) -> forall (M : nat) (X Y Z : nat ->
  nat -> R) (k : R),
  let E F := Σ w < O, q w * F w in 1 < k -> (0 < M)%nat -> (Σ w < O, q w) = 1 ->
  (forall w j, (w < O)%nat -> (j < M)%nat -> 0 < X w j) -> (forall w j, (w < O)%nat -> (j < M)%nat -> 0 < Y w j) ->
  (forall (F : R -> R -> R) j, (j < M)%nat -> E (fun w => F (X w j) (Y w j)) = E (fun w => F (Y w j) (X w j))) ->
  (forall (F : R -> R -> R) j, (j < M)%nat -> E (fun w => F (X w j) (Y w j) * Z w j) = E (fun w => F (X w j) (Y w j)) * E (fun w => Z w j)) ->
  (forall j, (j < M)%nat -> E (fun w => Z w j) = / INR M) -> (forall w, (w < O)%nat -> (Σ j < M, X w j) = 1) -> (forall w, (w < O)%nat ->
    (Σ j < M, Y w j) = 1) ->
  let D u w := Derive (fun x => - Σ j < M, u j * ln ((k * X w j + Y w j + x * Z w j) / (k + 1 + x))) 0 in
  E (fun w => D (Y w) w) <= 0 /\ 0 <= E (fun w => D (X w) w).
Proof. exact Exchange.elasticity_separate_iid_reversed. Qed.
(* and what it is that exchangeability and independence are needed for *)
Theorem elasticity_separate_iid_reversed_equations : forall (O : nat) (q : nat -> R), (forall w, (w < O)%nat -> 0 <= q w) -> forall (M : nat)
  (X Y Z : nat -> nat -> R) (k : R),
  let E F := Σ w < O, q w * F w in let over (own : nat -> nat -> R) w j := own w j / (k * X w j + Y w j) in 1 < k -> (0 < M)%nat ->
  (forall w j, (w < O)%nat -> (j < M)%nat -> 0 < X w j) -> (forall w j, (w < O)%nat -> (j < M)%nat -> 0 < Y w j) ->
  (forall j, (j < M)%nat -> E (fun w => X w j / (k * X w j + Y w j)) = E (fun w => Y w j / (k * Y w j + X w j))) ->
  (forall j, (j < M)%nat -> E (fun w => Y w j / (k * X w j + Y w j)) = E (fun w => X w j / (k * Y w j + X w j))) ->
  (forall j, (j < M)%nat -> E (fun w => over X w j * Z w j) = / INR M * E (fun w => over X w j)) ->
  (forall j, (j < M)%nat -> E (fun w => over Y w j * Z w j) = / INR M * E (fun w => over Y w j)) ->
  (forall w, (w < O)%nat -> (Σ j < M, X w j) = 1) -> (forall w, (w < O)%nat -> (Σ j < M, Y w j) = 1) ->
  let D u w := Derive (fun x => - Σ j < M, u j * ln ((k * X w j + Y w j + x * Z w j) / (k + 1 + x))) 0 in
  E (fun w => D (Y w) w) <= 0 /\ 0 <= E (fun w => D (X w) w).
Proof. exact Exchange.elasticity_separate_iid_reversed_equations. Qed.

(* turning-point-from-above is false; and the bounds in its place *)
Theorem turning_point_from_above : forall k bound, 0 < k -> exists pp pa pt : nat -> R, (Σ j < 3, pp j) = 1 /\ (Σ j < 3, pa j) = 1 /\
  (Σ j < 3, pt j) = 1 /\
  (forall j, (j < 3)%nat -> 0 < pp j /\ 0 <= pa j /\ 0 <= pt j) /\ (Σ j < 3, pa j * pt j / pp j) = 0 /\ (Σ j < 3, pt j * pt j / pp j) = 2 /\
  exists l, bound < l /\ 0 <= l /\ Derive (fun x => - Σ j < 3, pp j * ln ((k * pp j + pa j + x * pt j) / (k + 1 + x))) l < 0.
Proof. exact TurningPoint.turning_point_from_above. Qed.
Theorem turning_point_from_above_bound : forall (M : nat) (k : R) (pp pa pt : nat -> R) (l : R), 0 < k -> 0 < l -> (Σ j < M, pp j) = 1 ->
  (Σ j < M, pa j) = 1 -> (Σ j < M, pt j) = 1 ->
  (forall j, (j < M)%nat -> 0 < pp j) -> (forall j, (j < M)%nat -> 0 <= pa j) -> (forall j, (j < M)%nat -> 0 <= pt j) ->
  let r j := (k * pp j + pa j) / pt j in let K := k + 1 in let E f := Σ j < M, pp j * f j in
  let D := Derive (fun x => - Σ j < M, pp j * ln ((k * pp j + pa j + x * pt j) / (k + 1 + x))) l in
  ((forall j, (j < M)%nat -> 0 < pt j) -> K < E r -> E (fun j => Rsqr (r j - K)) <= l * (E r - K) -> 0 <= D) /\
  (E (fun j => if Rlt_dec 0 (pt j) then Rmax 0 (K - r j) else 0) <= l * E (fun j => if Rlt_dec 0 (pt j) then 0 else 1) -> 0 <= D).
Proof. exact TurningPoint.turning_point_from_above_bound. Qed.

(* pareto-overlap-below-one, for every finite law *)
Theorem pareto_overlap_below_one : forall (n : nat) (w : nat -> R), (forall i, (i < n)%nat -> 0 <= w i) -> forall x, (forall i, (i < n)%nat ->
  0 < x i) -> (Σ i < n, w i) = 1 ->
  let EX := Σ a < n, w a * x a in let YZ := Σ a < n, Σ b < n, Σ c < n, w a * w b * w c * (x b * x c / (x a + x b + x c)) in
  EX - 3 * YZ = (Σ a < n, Σ b < n, Σ c < n, w a * w b * w c * (Rsqr (x a - x b) / (2 * (x a + x b + x c)))) /\
  3 * YZ / EX <= 1 /\ (forall i j, (i < n)%nat -> (j < n)%nat -> 0 < w i -> 0 < w j -> x i <> x j -> 3 * YZ / EX < 1).
Proof. exact Lorenz.pareto_overlap_below_one. Qed.
(* and for any mean, of a continuous law too: linear, positive and cyclic on the functions that a multiple of x + y + z bounds *)
Theorem pareto_overlap_below_one_any_mean : forall E : (R -> R -> R -> R) -> R,
  let tame g := exists C, forall x y z, 0 < x -> 0 < y -> 0 < z -> Rabs (g x y z) <= C * (x + y + z) in
  (forall a b g h, tame g -> tame h -> E (fun x y z => a * g x y z + b * h x y z) = a * E g + b * E h) ->
  (forall g, tame g -> (forall x y z, 0 < x -> 0 < y -> 0 < z -> 0 <= g x y z) -> 0 <= E g) ->
  (forall g, tame g -> E (fun x y z => g y z x) = E g) ->
  let EX := E (fun x _ _ => x) in let YZ := E (fun x y z => y * z / (x + y + z)) in
  EX - 3 * YZ = E (fun x y z => Rsqr (x - y) / (2 * (x + y + z))) /\ 0 <= YZ /\ 3 * YZ <= EX /\
  ((forall g, tame g -> (forall x y z, 0 < x -> 0 < y -> 0 < z -> 0 <= g x y z) ->
    (forall x y z, 0 < x -> 0 < y -> 0 < z -> x <> y -> 0 < g x y z) -> 0 < E g) -> 3 * YZ / EX < 1).
Proof. exact AnyMean.pareto_overlap_below_one_any_mean. Qed.

(* pareto-overlap-monotone: any two finite laws in Lorenz order; Pareto laws in n equally likely cells *)
Theorem pareto_overlap_monotone_lorenz : forall (n : nat) (w : nat -> R), (forall i, (i < n)%nat -> 0 <= w i) -> forall x y : nat -> R, (forall i,
  (i < n)%nat -> 0 < x i) ->
  (forall i, (i < n)%nat -> 0 < y i) -> (Σ i < n, w i) = 1 -> (forall i, (S i < n)%nat -> x i <= x (S i)) ->
  (forall k, (k <= n)%nat -> (Σ i < k, w i * y i) / (Σ i < n, w i * y i) <= (Σ i < k, w i * x i) / Σ i < n, w i * x i) ->
  let o x := 3 * (Σ a < n, Σ b < n, Σ c < n, w a * w b * w c * (x b * x c / (x a + x b + x c))) / Σ a < n, w a * x a in o y <= o x.
Proof. exact Lorenz.pareto_overlap_monotone_lorenz. Qed.
(* and one law spread out about its own values *)
Theorem pareto_overlap_monotone_spread : forall (A B : nat) (K : nat -> nat -> R) (x wide q : nat -> R) (y z : R), 0 < y -> 0 < z ->
  (forall a, (a < A)%nat -> 0 <= q a) -> (forall a b, (a < A)%nat -> (b < B)%nat -> 0 <= K a b) -> (forall a, (a < A)%nat -> 0 < x a) ->
  (forall b, (b < B)%nat -> 0 < wide b) -> (forall a, (a < A)%nat -> (Σ b < B, K a b) = 1) ->
  (forall a, (a < A)%nat -> (Σ b < B, K a b * wide b) = x a) -> let g u := (u * y + y * z + z * u) / (u + y + z) in
  (Σ a < A, q a * g (x a)) - (Σ a < A, q a * Σ b < B, K a b * g (wide b)) = (Σ a < A, Σ b < B, q a * K a b *
    ((y * y + y * z + z * z) * Rsqr (wide b - x a) / ((wide b + y + z) * ((x a + y + z) * (x a + y + z))))) /\
  (Σ a < A, q a * Σ b < B, K a b * g (wide b)) <= Σ a < A, q a * g (x a).
Proof. exact Lorenz.pareto_overlap_monotone_spread. Qed.
Theorem pareto_overlap_monotone : forall (n : nat) (alpha beta : R), (0 < n)%nat -> 1 < alpha < beta ->
  let lorenz a u := if Rlt_dec u 1 then 1 - Rpower (1 - u) (1 - / a) else 1 in
  let cell a i := lorenz a (INR (S i) / INR n) - lorenz a (INR i / INR n) in
  let o x := 3 * (Σ a < n, Σ b < n, Σ c < n, / INR n * / INR n * / INR n * (x b * x c / (x a + x b + x c))) / Σ a < n, / INR n * x a in
  o (cell alpha) <= o (cell beta).
Proof. exact Lorenz.pareto_overlap_monotone. Qed.

(* ---------- measured models ---------- *)

(* effective-volumes-concave *)
Theorem effective_volumes_concave : forall (N M : nat) (p : nat -> nat -> R) (q : nat -> R), (forall j, (j < M)%nat -> 0 <= q j) -> forall w : nat ->
  R, (Σ j < M, q j) = 1 ->
  let mix w j := Σ s < N, w s * p s j in let likelihood w := Σ j < M, q j * ln (mix w j) in (forall j, (j < M)%nat -> 0 < mix w j) ->
  (forall v : nat -> R, Derive_n (fun e => Σ j < M, q j * ln (Σ s < N, (w s + e * v s) * p s j)) 2 0 <= 0) /\
  ((forall s, (s < N)%nat -> (Σ j < M, q j * p s j / mix w j) <= 1) ->
    forall w' : nat -> R, (forall s, (s < N)%nat -> 0 <= w' s) -> (Σ s < N, w' s) = 1 -> (forall j, (j < M)%nat -> 0 < mix w' j) ->
      likelihood w' <= likelihood w).
Proof. exact Effective.effective_volumes_concave. Qed.

(* effective-depth-chain-rule: leaf x of X passes the nodes at x 0, at x 1, .. and takes the symbols sym x 0, sym x 1, ..; m is the mass of a
   node, c a symbol's share of it; q the LM's probabilities, Q those of leaves *)
Theorem effective_depth_chain_rule : forall (X K n d : nat) (w : nat -> R) (len : nat -> nat) (at_ sym : nat -> nat -> nat) (q : nat -> nat ->
  R) (pos : nat -> nat),
  let J v a := Σ x < X, w x * Σ t < len x, (if Nat.eqb (at_ x t) v then if Nat.eqb (sym x t) a then 1 else 0 else 0) in
  let m v := Σ a < n, J v a in let c v a := J v a / m v in
  (forall x, (x < X)%nat -> 0 < w x) -> (forall x t, (x < X)%nat -> (t < len x)%nat -> (at_ x t < K)%nat /\ (sym x t < n)%nat) ->
  (forall v a, 0 < q v a) -> (forall v, (Σ a < n, q v a) <= 1) -> (forall v, (v < K)%nat -> (pos v < d)%nat) ->
  (forall x, (x < X)%nat -> m (at_ x 0%nat) = 1) ->
  (forall x t, (x < X)%nat -> (S t < len x)%nat -> J (at_ x t) (sym x t) = m (at_ x (S t))) ->
  (forall x t, (x < X)%nat -> S t = len x -> J (at_ x t) (sym x t) = w x) -> (forall x, (x < X)%nat -> (0 < len x)%nat) ->
  forall Q : nat -> R, (forall x, (x < X)%nat -> 0 < Q x) -> (forall x, (x < X)%nat -> ln (Q x) = Σ t < len x, ln (q (at_ x t) (sym x t))) ->
  let h kappa := Σ v < K, (if Nat.eqb (pos v) kappa then m v * - (Σ a < n, c v a * ln (c v a)) else 0) in
  let e kappa := Σ v < K, (if Nat.eqb (pos v) kappa then m v * (Σ a < n, c v a * ln (c v a / q v a)) else 0) in
  (Σ kappa < d, h kappa) = - (Σ x < X, w x * ln (w x)) /\ (Σ kappa < d, e kappa) = (Σ x < X, w x * ln (w x / Q x)) /\ forall kappa, 0 <= e kappa.
Proof. exact Depth.effective_depth_chain_rule. Qed.
(* the same in arrays: at position x leaf j passes through node c and takes symbol g there where B j x c g is 1 *)
Theorem effective_depth_chain_rule_arrays : forall (d K V M : nat) (B : nat -> nat -> nat -> nat -> R) (w : nat -> nat -> R) (P G : nat -> nat -> nat -> R)
  (p q : nat -> R), (forall x c, (x < d)%nat -> (c < K)%nat -> 0 <= w x c) ->
  (forall x c g, (x < d)%nat -> (c < K)%nat -> (g < V)%nat -> 0 < P x c g) -> (forall x c g, (x < d)%nat -> (c < K)%nat -> (g < V)%nat -> 0 < G x c g) ->
  (forall j, (j < M)%nat -> 0 < p j) -> (forall j, (j < M)%nat -> 0 < q j) ->
  (forall j, (j < M)%nat -> ln (p j) = Σ g < V, Σ c < K, Σ x < d, B j x c g * ln (P x c g)) ->
  (forall j, (j < M)%nat -> ln (q j) = Σ g < V, Σ c < K, Σ x < d, B j x c g * ln (G x c g)) ->
  (forall x c g, (x < d)%nat -> (c < K)%nat -> (g < V)%nat -> (Σ j < M, B j x c g * p j) = w x c * P x c g) ->
  (forall x c, (x < d)%nat -> (c < K)%nat -> (Σ g < V, P x c g) = 1) -> (forall x c, (x < d)%nat -> (c < K)%nat -> (Σ g < V, G x c g) <= 1) ->
  let h x := - Σ g < V, Σ c < K, w x c * P x c g * ln (P x c g) in let e x := Σ g < V, Σ c < K, w x c * P x c g * ln (P x c g / G x c g) in
  (Σ x < d, h x) = - (Σ j < M, p j * ln (p j)) /\ (Σ x < d, e x) = (Σ j < M, p j * ln (p j / q j)) /\ forall x, (x < d)%nat -> 0 <= e x.
Proof. exact Depth.effective_depth_chain_rule_arrays. Qed.

(* ---------- parametric elasticity: d parameters; a loss has gradient g at x if along every path th through x, with velocity v, its
   derivative is g.v ---------- *)

(* parametric-first-order *)
Theorem parametric_first_order : forall (d N : nat) (n : nat -> R) (L : nat -> (nat -> R) -> R) (g : nat -> nat -> R) (x : nat -> R),
  let path (th : R -> nat -> R) s v := forall c, (c < d)%nat -> is_derive (fun u => th u c) s (v c) in
  (forall i, (i < N)%nat -> forall th s v, th s = x -> path th s v -> is_derive (fun u => L i (th u)) s (Σ c < d, g i c * v c)) ->
  forall th s v, th s = x -> path th s v -> (Σ i < N, n i * Derive (fun u => L i (th u)) s) = (Σ c < d, (Σ i < N, n i * g i c) * v c) /\
  ((forall c, (c < d)%nat -> (Σ i < N, n i * g i c) = 0) -> (Σ i < N, n i * Derive (fun u => L i (th u)) s) = 0).
Proof. exact Parametric.parametric_first_order. Qed.

(* parametric-converse *)
Theorem parametric_converse : forall (d : nat) (gp ga : nat -> R), let dot u v := Σ c < d, u c * v c in
  (forall k, (forall v, dot ga v = - k * dot gp v) <-> forall c, (c < d)%nat -> k * gp c + ga c = 0) /\
  (0 < dot gp gp -> dot ga gp = - (sqrt (dot ga ga) * sqrt (dot gp gp)) ->
    forall k, (forall c, (c < d)%nat -> k * gp c + ga c = 0) <-> k = sqrt (dot ga ga) / sqrt (dot gp gp)).
Proof. exact Parametric.parametric_converse. Qed.

(* parametric-second-order, and its turning point *)
Theorem parametric_second_order : forall (k : R) (Lp La dphi : R -> R) (h : R), 0 < k ->
  (forall s, is_derive (fun s => k * Lp s + La s) s (dphi s)) -> dphi 0 = 0 -> is_derive dphi 0 h ->
  (forall eps, 0 < eps -> exists del, 0 < del /\ forall s, 0 < s < del ->
    Rabs (k * (Lp s - Lp 0) + (La s - La 0) - h / 2 * (s * s)) <= eps * (s * s)) /\
  (0 < h -> exists del, 0 < del /\ forall s, 0 < s < del -> Lp 0 < Lp s \/ La 0 < La s).
Proof. exact Parametric.parametric_second_order. Qed.
Theorem parametric_second_order_turn : forall k a hp ha Lp0 La0, 0 < k -> 0 < a -> 0 < hp ->
  let Lp s := Lp0 - a / k * s + hp / 2 * (s * s) in let La s := La0 + a * s + ha / 2 * (s * s) in let h := k * hp + ha in let turn := a / (h - ha) in
  (forall s, Derive Lp s < 0 <-> s < turn) /\ Lp (2 * turn) = Lp 0 /\ La turn - La 0 = a * a / (h - ha) + ha / 2 * (turn * turn) /\
  La (2 * turn) - La 0 = 2 * (a * a) / (h - ha) + 2 * ha * (turn * turn) /\
  (ha = 0 -> turn = a / h /\ La turn - La 0 = a * a / h /\ La (2 * turn) - La 0 = 2 * (a * a) / h) /\
  (0 <= ha -> forall s, 2 * turn < s -> Lp 0 < Lp s /\ La 0 < La s).
Proof. exact Parametric.parametric_second_order_turn. Qed.

(* parametric-influence: x t is how the minimum moves with n_t; and the equation it obeys *)
Theorem parametric_influence : forall (d N : nat) (n : nat -> R) (g H x : nat -> nat ->
  R), let dot u v := Σ c < d, u c * v c in (forall b c, H b c = H c b) ->
  (forall t c, (t < N)%nat -> (c < d)%nat -> dot (H c) (x t) = - g t c) ->
  (forall v, 0 <= dot (fun c => dot (H c) v) v /\ (dot (fun c => dot (H c) v) v = 0 -> forall c, (c < d)%nat -> v c = 0)) ->
  let J i t := dot (g i) (x t) in forall i t, (i < N)%nat -> (t < N)%nat -> J i t = J t i /\
  ((forall c, (c < d)%nat -> (Σ i < N, n i * g i c) = 0) -> (Σ i < N, n i * J i t) = 0) /\
  J t t <= 0 /\ (J t t = 0 <-> forall c, (c < d)%nat -> g t c = 0) /\
  (forall y, (forall c, (c < d)%nat -> dot (H c) y = g t c) -> J i t = - dot (g i) y /\ (0 < J i t <-> dot (g i) y < 0)).
Proof. exact Parametric.parametric_influence. Qed.
Theorem parametric_influence_response : forall (d N : nat) (n : nat -> R) (t : nat) (grad : nat -> nat -> (nat -> R) -> R) (hess : nat -> nat ->
  nat -> R) (th : R -> nat -> R) (v : nat -> R) (eps : R),
  let path (th : R -> nat -> R) s v := forall c, (c < d)%nat -> is_derive (fun u => th u c) s (v c) in
  (forall i c, (i < N)%nat -> (c < d)%nat -> forall th' s v, th' s = th 0 -> path th' s v ->
    is_derive (fun u => grad i c (th' u)) s (Σ e < d, hess i c e * v e)) ->
  (t < N)%nat -> path th 0 v -> 0 < eps -> (forall s c, Rabs s < eps -> (c < d)%nat -> (Σ i < N, n i * grad i c (th s)) + s * grad t c (th s) = 0) ->
  forall c, (c < d)%nat -> (Σ e < d, (Σ i < N, n i * hess i c e) * v e) = - grad t c (th 0).
Proof. exact Parametric.parametric_influence_response. Qed.

(* parametric-weight-decay *)
Theorem parametric_weight_decay : forall (d N : nat) (n : nat -> R) (L : nat -> (nat -> R) -> R) (g : nat -> nat -> R) (x : nat -> R),
  let path (th : R -> nat -> R) s v := forall c, (c < d)%nat -> is_derive (fun u => th u c) s (v c) in
  (forall i, (i < N)%nat -> forall th s v, th s = x -> path th s v -> is_derive (fun u => L i (th u)) s (Σ c < d, g i c * v c)) ->
  forall lambda, let shift c s e := x e + (if Nat.eqb e c then s else 0) in
  (forall c, (c < d)%nat -> is_derive (fun s => (Σ i < N, n i * L i (shift c s)) + lambda / 2 * (Σ e < d, shift c s e * shift c s e)) 0 0) ->
  (forall c, (c < d)%nat -> (Σ i < N, n i * g i c) = - lambda * x c) /\
  forall th s v, th s = x -> path th s v -> (Σ i < N, n i * Derive (fun u => L i (th u)) s) = - lambda * Σ c < d, x c * v c.
Proof. exact Parametric.parametric_weight_decay. Qed.

(* parametric-early-stopping: e^{-TH} is its power series; in an axis of H it is a number *)
Theorem parametric_early_stopping : forall (d : nat) (H : nat -> nat -> R) (th : R -> nat -> R) (best : nat -> R) (T : R), 0 <= T ->
  let apply v c := Σ b < d, H c b * v b in
  (forall t c, 0 <= t <= T -> (c < d)%nat -> is_derive (fun t => th t c) t (- apply (fun b => th t b - best b) c)) ->
  let start c := th 0 c - best c in let flow T v c := PSeries (fun k => (-1) ^ k * Nat.iter k apply v c / INR (fact k)) T in
  forall c, (c < d)%nat -> th T c - best c = flow T start c /\ apply (fun b => th T b - best b) c = apply (flow T start) c.
Proof. exact EarlyStopping.parametric_early_stopping. Qed.
Theorem parametric_early_stopping_axis : forall (d : nat) (H : nat -> nat -> R) (th : R -> nat -> R) (best : nat -> R) (T : R), 0 <= T ->
  let apply v c := Σ b < d, H c b * v b in
  (forall t c, 0 <= t <= T -> (c < d)%nat -> is_derive (fun t => th t c) t (- apply (fun b => th t b - best b) c)) ->
  forall h, (forall c, (c < d)%nat -> apply (fun b => th 0 b - best b) c = h * (th 0 c - best c)) ->
  forall c, (c < d)%nat -> apply (fun b => th T b - best b) c = h * exp (- T * h) * (th 0 c - best c).
Proof. exact EarlyStopping.parametric_early_stopping_axis. Qed.

(* parametric-softmax-is-the-tree *)
Theorem parametric_softmax_is_the_tree : forall (N M : nat) (n : nat -> R) (p : nat -> nat -> R), (0 < M)%nat ->
  let Q j := Σ s < N, n s * p s j in let W := Σ s < N, n s in
  (forall i, (i < N)%nat -> (Σ j < M, p i j) = 1) -> (forall j, (j < M)%nat -> 0 < Q j) -> 0 < W ->
  let softmax (z : nat -> R) j := exp (z j) / Σ i < M, exp (z i) in let loss p z := - Σ j < M, p j * ln (softmax z j) in
  let total z := Σ i < N, n i * loss (p i) z in let best j := ln (Q j) in
  (forall j, (j < M)%nat -> softmax best j = Q j / W) /\
  (forall z, total best <= total z /\ (total best = total z <-> forall j, (j < M)%nat -> softmax z j = Q j / W)) /\
  (forall i t e, (t < N)%nat -> 0 < W + e -> (forall j, (j < M)%nat -> 0 < Q j + e * p t j) ->
    loss (p i) (fun j => ln (Q j + e * p t j)) =
    - Σ j < M, p i j * ln ((Σ s < N, (n s + (if Nat.eqb s t then e else 0)) * p s j) / Σ s < N, (n s + (if Nat.eqb s t then e else 0)))).
Proof. exact ParametricSoftmax.parametric_softmax_is_the_tree. Qed.

(* parametric-rebound-need-not-slow: on the branch of minima of L_b + l L_t, given by its parameter th *)
Theorem parametric_rebound_need_not_slow : let T j := match j with 0%nat => -2 | 1%nat => 0 | _ => 1 end in let b j := match j
  with 0%nat => 1/20 | 1%nat => 17/20 | _ => 1/10 end in
  let pt j := match j with 2%nat => 1 | _ => 0 end in
  let L p th := - Σ j < 3, p j * ln (b j * exp (th * T j) / Σ i < 3, b i * exp (th * T i)) in
  exists l slope dl : R -> R, (forall th, is_derive (fun x => L b x + l th * L pt x) th 0) /\
  (forall th, is_derive l th (dl th) /\ 0 < dl th /\ is_derive (L pt) th (slope th * dl th)) /\
  l 0 = 0 /\ slope 0 < 0 /\ exists c, is_derive slope 0 c /\ c < 0.
Proof. exact Counterexamples.parametric_rebound_need_not_slow. Qed.

(* parametric-sign-may-turn-back: x l, y l is the minimum of L_p + L_o + l L_t, and L_p falls, rises and falls along it *)
Theorem parametric_sign_may_turn_back : let Lp x y := ((x - 1/2)^2 + (y - 1)^2) / 2 in let Lo x y := ((x + 1/2)^2 + (y + 1)^2) / 2 in
  let Lt x y := (200 * (x - 1)^2 + 1/50 * (y - 1)^2) / 2 in let x l := 100 * l / (1 + 100 * l) in let y l := l / (100 + l) in
  (forall l a b, 0 <= l -> Lp (x l) (y l) + Lo (x l) (y l) + l * Lt (x l) (y l) <= Lp a b + Lo a b + l * Lt a b) /\
  let f l := Lp (x l) (y l) in f (1/100) < f 0 /\ f (1/100) < f 1 /\ f 1000 < f 1.
Proof. exact Counterexamples.parametric_sign_may_turn_back. Qed.

(* ---------- logit elasticity: gradient flow on the free logits z of n symbols, or of K nodes ---------- *)

(* logit-flow, one node and a tree; m v is the mass that passes through node v *)
Theorem logit_flow : forall n : nat, (0 < n)%nat -> forall (p pt : nat -> R) (z : R -> nat -> R) (tau : R), let q (z : nat ->
  R) j := exp (z j) / Σ i < n, exp (z i) in
  (Σ j < n, p j) = 1 -> (forall j, (j < n)%nat -> is_derive (fun s => z s j) tau (pt j - q (z tau) j)) ->
  is_derive (fun s => - Σ j < n, p j * ln (q (z s) j)) tau (- Σ j < n, (p j - q (z tau) j) * (pt j - q (z tau) j)).
Proof. exact Logit.logit_flow. Qed.
Theorem logit_flow_tree : forall K n : nat, (0 < n)%nat -> forall (m mt : nat -> R) (p pt : nat -> nat -> R) (z : R -> nat -> nat -> R) (tau : R),
  let q (z : nat -> R) j := exp (z j) / Σ i < n, exp (z i) in (forall v, (v < K)%nat -> (Σ j < n, p v j) = 1) ->
  (forall v j, (v < K)%nat -> (j < n)%nat -> is_derive (fun s => z s v j) tau (mt v * (pt v j - q (z tau v) j))) ->
  is_derive (fun s => Σ v < K, m v * - Σ j < n, p v j * ln (q (z s v) j)) tau
    (Σ v < K, m v * mt v * - Σ j < n, (p v j - q (z tau v) j) * (pt v j - q (z tau v) j)).
Proof. exact LogitTree.logit_flow_tree. Qed.

(* logit-conservation *)
Theorem logit_conservation : forall (n N : nat) (vol : nat -> R) (p : nat -> nat -> R) (q pt : nat -> R), (forall j, (j < n)%nat ->
  (Σ i < N, vol i * (p i j - q j)) = 0) ->
  (Σ i < N, vol i * - Σ j < n, (p i j - q j) * (pt j - q j)) = 0.
Proof. exact Logit.logit_conservation. Qed.
Theorem logit_conservation_tree : forall (K n N : nat) (vol : nat -> R) (m : nat -> nat -> R) (mt : nat -> R) (p : nat -> nat -> nat ->
  R) (pt q : nat -> nat -> R),
  (forall v j, (v < K)%nat -> (j < n)%nat -> (Σ i < N, vol i * m i v * (p i v j - q v j)) = 0) ->
  (Σ i < N, vol i * Σ v < K, m i v * mt v * - Σ j < n, (p i v j - q v j) * (pt v j - q v j)) = 0.
Proof. exact LogitTree.logit_conservation_tree. Qed.

(* logit-own-rate *)
Theorem logit_own_rate : forall (n : nat) (q pt : nat -> R), let r := - Σ j < n, (pt j - q j) * (pt j - q j) in r <= 0 /\ (r = 0 <-> forall j,
  (j < n)%nat -> pt j = q j).
Proof. exact Logit.logit_own_rate. Qed.
Theorem logit_own_rate_tree : forall (K n : nat) (mt : nat -> R) (pt q : nat -> nat -> R), let r := Σ v < K, mt v * mt v * - Σ j < n,
  (pt v j - q v j) * (pt v j - q v j) in
  r <= 0 /\ (r = 0 <-> forall v j, (v < K)%nat -> (j < n)%nat -> mt v <> 0 -> pt v j = q v j).
Proof. exact LogitTree.logit_own_rate_tree. Qed.

(* logit-criterion *)
Theorem logit_criterion : forall (n : nat) (q po pt : nat -> R), let r := - Σ j < n, (po j - q j) * (pt j - q j) in let mid j := (po j + pt j) / 2 in
  r = / 4 * (Σ j < n, Rsqr (po j - pt j)) - (Σ j < n, Rsqr (q j - mid j)) /\ (r < 0 <->
    / 4 * (Σ j < n, Rsqr (po j - pt j)) < Σ j < n, Rsqr (q j - mid j)) /\
  (r < 0 <-> (Σ j < n, po j * q j) + (Σ j < n, pt j * q j) < (Σ j < n, q j * q j) + Σ j < n, po j * pt j).
Proof. exact Logit.logit_criterion. Qed.

(* logit-sum-rule, at the start and at any time, by any optimiser *)
Theorem logit_sum_rule : forall (n N : nat) (p : nat -> nat -> R) (q w : nat -> R) (t : nat), (t < N)%nat -> (Σ i < N, w i) = 1 -> (forall j,
  (j < n)%nat -> q j = Σ i < N, w i * p i j) ->
  let r i := - Σ j < n, (p i j - q j) * (p t j - q j) in
  (Σ i < N, (if Nat.eqb i t then 0 else w i * r i)) = w t * (Σ j < n, Rsqr (p t j - q j)) /\ (0 <= w t -> 0 <= Σ i < N,
    (if Nat.eqb i t then 0 else w i * r i)).
Proof. exact Logit.logit_sum_rule. Qed.
Theorem logit_sum_rule_any_time : forall (n N : nat) (w : nat -> R) (p : nat -> nat -> R) (z0 z : nat -> R), (0 < n)%nat -> let q (z : nat ->
  R) j := exp (z j) / Σ i < n, exp (z i) in
  let L p z := - Σ j < n, p j * ln (q z j) in (forall i, (i < N)%nat -> (Σ j < n, p i j) = 1) -> 0 <= (Σ i < N, w i) ->
  (forall j, (j < n)%nat -> (Σ i < N, w i * p i j) = (Σ i < N, w i) * q z0 j) ->
  (Σ i < N, w i * (L (p i) z - L (p i) z0)) = (Σ i < N, w i) * (Σ j < n, q z0 j * ln (q z0 j / q z j)) /\
    0 <= Σ i < N, w i * (L (p i) z - L (p i) z0).
Proof. exact LogitFlow.logit_sum_rule_any_time. Qed.

(* logit-return-threshold: disjoint parts with weights w; equal collision probabilities; a shared prefix *)
Theorem logit_return_threshold : forall (n N : nat) (p : nat -> nat -> R) (q : nat -> R), let dot u v := Σ j < n, u j * v j in
  (forall i t, (i < N)%nat -> (t < N)%nat -> i <> t -> dot (p i) (p t) = 0) -> forall w, (forall j, (j < n)%nat -> q j = Σ i < N, w i * p i j) ->
  let c i := dot (p i) (p i) in forall o t, (o < N)%nat -> (t < N)%nat -> o <> t ->
  (- (Σ j < n, (p o j - q j) * (p t j - q j)) < 0 <-> w o * c o + w t * c t < Σ i < N, w i * w i * c i).
Proof. exact Logit.logit_return_threshold. Qed.
Theorem logit_return_threshold_equal : forall (n N : nat) (p : nat -> nat -> R) (q : nat -> R) (c s : R) (o t : nat), (1 < N)%nat ->
  (0 < o < N)%nat -> (0 < t < N)%nat -> o <> t -> 0 < c ->
  (forall i t, (i < N)%nat -> (t < N)%nat -> (Σ j < n, p i j * p t j) = if Nat.eqb i t then c else 0) ->
  (forall j, (j < n)%nat -> q j = Σ i < N, (if Nat.eqb i 0 then s else (1 - s) / INR (N - 1)) * p i j) ->
  (- (Σ j < n, (p o j - q j) * (p t j - q j)) < 0 <-> INR N * (s * s) > 1).
Proof. exact Logit.logit_return_threshold_equal. Qed.
Theorem logit_return_threshold_three : forall (n : nat) (pa po pt : nat -> R) (c s : R), let dot u v := Σ j < n, u j * v j in 0 < c ->
  dot pa pa = c -> dot po po = c -> dot pt pt = c -> dot pa po = 0 -> dot pa pt = 0 -> dot po pt = 0 ->
  let q j := s * pa j + (1 - s) / 2 * (po j + pt j) in (- (Σ j < n, (po j - q j) * (pt j - q j)) < 0 <-> 3 * (s * s) > 1).
Proof. exact Logit.logit_return_threshold_three. Qed.
Theorem logit_return_threshold_meeting : forall (K n : nat) (m mt : nat -> R) (p pt q : nat -> nat -> R) (u : nat), (u < K)%nat ->
  (forall v, (v < K)%nat -> v <> u -> m v * mt v = 0 \/ forall j, (j < n)%nat -> pt v j = q v j) ->
  (Σ v < K, m v * mt v * - Σ j < n, (p v j - q v j) * (pt v j - q v j)) = m u * mt u * - Σ j < n, (p u j - q u j) * (pt u j - q u j).
Proof. exact LogitTree.logit_return_threshold_meeting. Qed.
Theorem logit_return_threshold_tree : forall s, let po v j := if Nat.eqb j (match v with 0%nat => 1 | _ => 0 end)%nat then 1 else 0 in let pt
  (v j : nat) := if Nat.eqb j 1 then 1 else 0 in
  let q v j := match v, j with 0%nat, 0%nat => s | 0%nat, _ => 1 - s | _, _ => 1/2 end in
  let r := Σ v < 2, 1 * 1 * - Σ j < 2, (po v j - q v j) * (pt v j - q v j) in r = 1/2 - 2 * (s * s) /\ (r < 0 <-> 4 * (s * s) > 1).
Proof. exact LogitTree.logit_return_threshold_tree. Qed.

(* logit-forgetting-equalises *)
Theorem logit_forgetting_equalises : forall (n : nat) (pt : nat -> R) (z : R -> nat -> R) (T : R), (0 < n)%nat -> 0 <= T -> (Σ j < n, pt j) = 1 ->
  let q (z : nat -> R) j := exp (z j) / Σ i < n, exp (z i) in (forall s j, 0 <= s <= T -> (j < n)%nat ->
    is_derive (fun s => z s j) s (pt j - q (z s) j)) ->
  (exists sigma, 0 <= sigma /\ forall j, (j < n)%nat -> pt j = 0 -> exp (- z T j) = exp (- z 0 j) + sigma) /\ (Σ j < n, z T j) = (Σ j < n, z 0 j) /\
  (forall i j, (i < n)%nat -> (j < n)%nat -> pt i = 0 -> pt j = 0 -> Rabs (z T i - z T j) <= Rabs (z 0 i - z 0 j)).
Proof. exact LogitFlow.logit_forgetting_equalises. Qed.

(* and in the limit: log-odds of two tokens, and code lengths of two datasets, that p_t does not hold *)
Theorem logit_forgetting_equalises_limit : forall (n : nat) (pt : nat -> R) (z : R -> nat -> R), (0 < n)%nat -> (forall j, (j < n)%nat ->
  0 <= pt j) ->
  (Σ j < n, pt j) = 1 -> let q (z : nat -> R) j := exp (z j) / Σ i < n, exp (z i) in
  (forall s j, 0 <= s -> (j < n)%nat -> is_derive (fun s => z s j) s (pt j - q (z s) j)) -> let L p z := - Σ j < n, p j * ln (q z j) in
  (forall i j, (i < n)%nat -> (j < n)%nat -> pt i = 0 -> pt j = 0 -> is_lim (fun s => z s i - z s j) p_infty 0) /\
  (forall pa pb, (Σ j < n, pa j) = 1 -> (Σ j < n, pb j) = 1 -> (forall j, (j < n)%nat -> pt j <> 0 -> pa j = 0 /\ pb j = 0) ->
    is_lim (fun s => L pa (z s) - L pb (z s)) p_infty 0).
Proof. exact LogitLimit.logit_forgetting_equalises_limit. Qed.

(* logit-return-bound: u is uniform on a set S that holds what is trained *)
Theorem logit_return_bound : forall (n : nat) (pt : nat -> R) (z : R -> nat -> R) (T : R), (0 < n)%nat -> 0 <= T -> (Σ j < n, pt j) = 1 ->
  let q (z : nat -> R) j := exp (z j) / Σ i < n, exp (z i) in (forall s j, 0 <= s <= T -> (j < n)%nat ->
    is_derive (fun s => z s j) s (pt j - q (z s) j)) ->
  forall (S : nat -> bool) (po : nat -> R), (forall j, (j < n)%nat -> S j = false -> pt j = 0) -> (forall j, (j < n)%nat -> 0 <= po j) ->
    (Σ j < n, po j) = 1 ->
  (forall j, (j < n)%nat -> po j * pt j = 0) -> let u j := (if S j then 1 else 0) / Σ i < n,
    (if S i then 1 else 0) in let L z := - Σ j < n, po j * ln (q z j) in
  L (z 0) - L (z T) <= Σ j < n, u j * ln (u j / q (z 0) j).
Proof. exact LogitFlow.logit_return_bound. Qed.

(* logit-only-common-nodes *)
Theorem logit_only_common_nodes : forall (K n : nat) (wa wo wt : R) (ma mo mt : nat -> R) (pa po pt : nat -> nat -> R) (z : R -> nat -> nat ->
  R) (T : R), (0 < n)%nat -> 0 <= T ->
  0 < wa /\ 0 < wo /\ 0 < wt -> (forall v, (v < K)%nat -> 0 <= ma v /\ 0 <= mo v /\ 0 <= mt v) ->
  (forall v, (v < K)%nat -> (Σ j < n, po v j) = 1) -> (forall v, (v < K)%nat -> (Σ j < n, pt v j) = 1) ->
  let q (z : nat -> R) j := exp (z j) / Σ i < n, exp (z i) in
  (forall s v j, 0 <= s <= T -> (v < K)%nat -> (j < n)%nat -> is_derive (fun s => z s v j) s (mt v * (pt v j - q (z s v) j))) ->
  (forall v j, (v < K)%nat -> (j < n)%nat -> wa * ma v * pa v j + wo * mo v * po v j + wt * mt v * pt v j = (wa * ma v + wo * mo v + wt * mt v) * q
    (z 0 v) j) ->
  let L v s := - Σ j < n, po v j * ln (q (z s v) j) in
  (forall v, (v < K)%nat -> ma v = 0 \/ mo v = 0 \/ mt v = 0 -> mo v * L v 0 <= mo v * L v T) /\
  ((Σ v < K, mo v * L v T) < (Σ v < K, mo v * L v 0) -> exists v, (v < K)%nat /\ 0 < ma v /\ 0 < mo v /\ 0 < mt v /\ L v T < L v 0).
Proof. exact LogitFlow.logit_only_common_nodes. Qed.

Theorem logit_only_common_nodes_rate : forall (n : nat) (x : R) (po pt q : nat -> R), (forall j, (j < n)%nat -> q j = x * po j + (1 - x) * pt j) ->
  - (Σ j < n, (po j - q j) * (pt j - q j)) = x * (1 - x) * Σ j < n, Rsqr (po j - pt j).
Proof. exact LogitFlow.logit_only_common_nodes_rate. Qed.

(* softmax-linear-range: R²/8; the best bound, which is reached; and when a sign is certain *)
Theorem softmax_linear_range : forall (n : nat) (p z delta : nat -> R) (lo hi : R), (0 < n)%nat -> (Σ j < n, p j) = 1 -> (forall j, (j < n)%nat ->
  lo <= delta j <= hi) ->
  let q (z : nat -> R) j := exp (z j) / Σ i < n, exp (z i) in let L z := - Σ j < n, p j * ln (q z j) in let R := hi - lo in
  0 <= L (fun j => z j + delta j) - L z - (Σ j < n, (q z j - p j) * delta j) <= Rmin (R * R / 8) R.
Proof. exact LinearRange.softmax_linear_range. Qed.
Theorem softmax_linear_range_best : forall (n : nat) (p z delta : nat -> R) (lo hi : R), (0 < n)%nat -> (Σ j < n, p j) = 1 ->
  (forall j, (j < n)%nat -> lo <= delta j <= hi) -> lo < hi ->
  let q (z : nat -> R) j := exp (z j) / Σ i < n, exp (z i) in let L z := - Σ j < n, p j * ln (q z j) in
  let R := hi - lo in let a := (exp R - 1) / R in
  L (fun j => z j + delta j) - L z - (Σ j < n, (q z j - p j) * delta j) <= ln a - 1 + / a.
Proof. exact LinearRange.softmax_linear_range_best. Qed.
Theorem softmax_linear_range_best_reached : forall R : R, 0 < R -> let a := (exp R - 1) / R in let w := / R - / (exp R - 1) in
  let z j := match j with 0%nat => ln (1 - w) | _ => ln w end in let delta j := match j with 0%nat => 0 | _ => R end in
  let p j := match j with 0%nat => 1 | _ => 0 end in
  let q (z : nat -> Rdefinitions.R) j := exp (z j) / Σ i < 2, exp (z i) in let L z := - Σ j < 2, p j * ln (q z j) in
  L (fun j => z j + delta j) - L z - (Σ j < 2, (q z j - p j) * delta j) = ln a - 1 + / a.
Proof. exact LinearRange.softmax_linear_range_best_reached. Qed.
Theorem softmax_linear_range_sign : forall (N n : nat) (p z delta : nat -> nat -> R) (lo hi : nat -> R), (0 < n)%nat -> (forall i, (i < N)%nat ->
  (Σ j < n, p i j) = 1) ->
  (forall i j, (i < N)%nat -> (j < n)%nat -> lo i <= delta i j <= hi i) -> let q (z : nat -> R) j := exp (z j) / Σ i < n, exp (z i) in
  let L p z := - Σ j < n, p j * ln (q z j) in let change := Σ i < N, (L (p i) (fun j => z i j + delta i j) - L (p i) (z i)) in
  let tangent := Σ i < N, Σ j < n, (q (z i) j - p i j) * delta i j in let slack := Σ i < N, (hi i - lo i) * (hi i - lo i) / 8 in
  tangent <= change <= tangent + slack /\ (0 < tangent -> 0 < change) /\ (tangent < - slack -> change < 0).
Proof. exact LinearRange.softmax_linear_range_sign. Qed.

(* logit-exchange-rate: P holds the tokens of p_p, all others are those of p_a *)
Theorem logit_exchange_rate : forall (n : nat) (P : nat -> bool) (i0 j0 : nat), (i0 < n)%nat /\ P i0 = true -> (j0 < n)%nat /\ P j0 = false ->
  forall (z y : R -> nat -> R) (Tp Ta : R), 0 <= Tp -> 0 <= Ta ->
  let mp := Σ j < n, (if P j then 1 else 0) in let ma := Σ j < n, (if P j then 0 else 1) in
  let pp j := if P j then / mp else 0 in let pa j := if P j then 0 else / ma in let q (z : nat -> R) j := exp (z j) / Σ i < n, exp (z i) in
  (forall j, (j < n)%nat -> z 0 j = 0) -> (forall s j, 0 <= s <= Tp -> (j < n)%nat -> is_derive (fun s => z s j) s (pp j - q (z s) j)) ->
  (forall j, (j < n)%nat -> y 0 j = z Tp j) -> (forall s j, 0 <= s <= Ta -> (j < n)%nat -> is_derive (fun s => y s j) s (pa j - q (y s) j)) ->
  let k z := (Σ j < n, (if P j then q z j else 0)) / Σ j < n, (if P j then 0 else q z j) in let C := / mp + / ma in
  k (z Tp) + ln (k (z Tp)) = mp / ma + ln (mp / ma) + C * Tp /\ / k (y Ta) - ln (k (y Ta)) = / k (z Tp) - ln (k (z Tp)) + C * Ta /\
  (forall j, (j < n)%nat -> q (y Ta) j - pa j = - k (y Ta) * (q (y Ta) j - pp j)) /\
  sqrt (Σ j < n, Rsqr (q (y Ta) j - pa j)) = k (y Ta) * sqrt (Σ j < n, Rsqr (q (y Ta) j - pp j)).
Proof. exact ExchangeRate.logit_exchange_rate. Qed.

(* logit-against-mixture, logit-alignment-need-not-return *)
Theorem logit_against_mixture : let p i j := if Nat.eqb i j then 1 else 0 in let q j := match j with 0%nat => 8/10 | _ => 1/10 end in
  0 < Derive (fun e => - Σ j < 3, p 1%nat j * ln ((q j + e * p 2%nat j) / (1 + e))) 0 /\ - (Σ j < 3, (p 1%nat j - q j) * (p 2%nat j - q j)) < 0.
Proof. exact Counterexamples.logit_against_mixture. Qed.
Theorem logit_alignment_need_not_return : forall s, let po j := match j with 0%nat => 1 | _ => 0 end in let pt j := match j
  with 1%nat => 1 | _ => 0 end in
  let pa j := match j with 0%nat | 1%nat => 1/2 | _ => 0 end in let q j := s * pa j + (1 - s) / 2 * (po j + pt j) in
  - (Σ j < 3, (po j - q j) * (pt j - q j)) = 1/2.
Proof. exact LogitCounterexamples.logit_alignment_need_not_return. Qed.

(* logit-return-need-not-start-at-once, logit-share-may-exceed: the flow on one token t, with the clock dz/dsigma = Z (p_t - q) *)
Theorem logit_return_need_not_start_at_once : let t := 3%nat in let q0 j := match j
  with 0%nat => 2/3 | 1%nat => 1/3 - 1/10000 - 1/100000000 | 2%nat => 1/10000 | _ => 1/100000000 end in
  let po j := match j with 0%nat => 6/7 | 2%nat => 1/7 | _ => 0 end in let pt j := if Nat.eqb j t then 1 else 0 in
  let z s j := if Nat.eqb j t then ln (q0 t) + (Σ i < 4, (if Nat.eqb i t then 0 else ln (1 + s * q0 i))) else - ln (/ q0 j + s) in
  let q (z : nat -> R) j := exp (z j) / Σ i < 4, exp (z i) in let L z := - Σ j < 4, po j * ln (q z j) in
  (forall j, (j < 4)%nat -> z 0 j = ln (q0 j)) /\
  (forall s j, 0 <= s -> (j < 4)%nat -> is_derive (fun s => z s j) s ((Σ i < 4, exp (z s i)) * (pt j - q (z s) j))) /\
  0 < - (Σ j < 4, (po j - q (z 0) j) * (pt j - q (z 0) j)) /\ L (z 256) < L (z 0).
Proof. exact LogitCounterexamples.logit_return_need_not_start_at_once. Qed.
Theorem logit_share_may_exceed : let t := 2%nat in let e := 1/1000000 in let q0 j := match j
  with 0%nat => 1 - e | 1%nat => 15/16 * e | _ => 1/16 * e end in
  let po j := match j with 1%nat => 1 | _ => 0 end in let pt j := if Nat.eqb j t then 1 else 0 in
  let z s j := if Nat.eqb j t then ln (q0 t) + (Σ i < 3, (if Nat.eqb i t then 0 else ln (1 + s * q0 i))) else - ln (/ q0 j + s) in
  let q (z : nat -> R) j := exp (z j) / Σ i < 3, exp (z i) in let L z := - Σ j < 3, po j * ln (q z j) in
  (forall j, (j < 3)%nat -> z 0 j = ln (q0 j)) /\
  (forall s j, 0 <= s -> (j < 3)%nat -> is_derive (fun s => z s j) s ((Σ i < 3, exp (z s i)) * (pt j - q (z s) j))) /\
  L (z 0) - - ln (15/16) = ln (/ e) /\ 1/2 * ln (/ e) < L (z 0) - L (z 4000).
Proof. exact LogitCounterexamples.logit_share_may_exceed. Qed.
