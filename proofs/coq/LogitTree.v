(* logit-flow, logit-conservation, logit-own-rate, logit-return-threshold on a whole token tree (docs/theory.md, Logit elasticity): K nodes, n symbols, free logits z v j at every node v. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Logit.
Open Scope R_scope.

(* --- phrases: x of X phrases takes symbol a at node v (1) or does not (0); the chain rule of code lengths --- *)
Section Phrases.
Variables (X K n : nat) (takes : nat -> nat -> nat -> R) (w : nat -> R) (q : nat -> nat -> R).
Hypothesis takes_nonneg : forall x v a, 0 <= takes x v a.
Hypothesis w_nonneg : forall x, (x < X)%nat -> 0 <= w x.
Definition joint v a := Σ x < X, w x * takes x v a.
Definition mass v := Σ a < n, joint v a.
Definition cond v a := joint v a / mass v.                      (* p(a|v), 0 where no phrase passes *)
Definition code_of x := Σ v < K, Σ a < n, takes x v a * - ln (q v a).
Lemma chain_rule : (Σ x < X, w x * code_of x) = Σ v < K, mass v * - Σ a < n, cond v a * ln (q v a).
Proof.
  unfold code_of. rewrite (Sum_ext X _ (fun x => Σ v < K, Σ a < n, w x * takes x v a * - ln (q v a))).
  2: { intros x _. rewrite <- Sum_scal. apply Sum_ext; intros v _. rewrite <- Sum_scal. apply Sum_ext; intros; ring. }
  rewrite Sum_swap. apply Sum_ext. intros v Hv. rewrite Sum_swap, <- Sum_opp, <- Sum_scal. apply Sum_ext. intros a Ha.
  rewrite (Sum_ext X _ (fun x => - ln (q v a) * (w x * takes x v a))) by (intros; ring). rewrite Sum_scal. fold (joint v a).
  unfold cond. destruct (Req_dec (mass v) 0) as [Z|Z]; [|field; auto].
  assert (joint v a = 0) as ->; [|unfold Rdiv; ring].
  refine (Sum_null n (joint v) _ Z a Ha). intros. apply Sum_nonneg; intros; nonneg.
Qed.
End Phrases.

Section Tree.
Variables (K n : nat).
Hypothesis some : (0 < n)%nat.
Definition tree_loss (m : nat -> R) (p z : nat -> nat -> R) := Σ v < K, m v * loss n (p v) (z v).
Definition tree_rate (m mt : nat -> R) (p pt q : nat -> nat -> R) := Σ v < K, m v * mt v * rate n (p v) (pt v) (q v).

Theorem logit_flow_tree m mt p pt (z : R -> nat -> nat -> R) tau : (forall v, (v < K)%nat -> Sum n (p v) = 1) ->
  (forall v j, (v < K)%nat -> (j < n)%nat -> is_derive (fun s => z s v j) tau (mt v * (pt v j - softmax n (z tau v) j))) ->
  is_derive (fun s => tree_loss m p (z s)) tau (tree_rate m mt p pt (fun v => softmax n (z tau v))).
Proof.
  intros P D. apply (derive_Sum K (fun v s => m v * loss n (p v) (z s v))). intros v Hv. eapply derive_value.
  - apply derive_scal. apply (loss_derivative n some (p v) (fun s => z s v) _ tau (P v Hv) (fun j Hj => D v j Hv Hj)).
  - unfold rate, inner. rewrite <- Sum_opp, <- !Sum_scal. apply Sum_ext; intros; ring.
Qed.

Theorem logit_conservation_tree N vol (m : nat -> nat -> R) mt (p : nat -> nat -> nat -> R) pt q :
  (forall v j, (v < K)%nat -> (j < n)%nat -> (Σ i < N, vol i * m i v * (p i v j - q v j)) = 0) ->
  (Σ i < N, vol i * tree_rate (m i) mt (p i) pt q) = 0.
Proof.
  intros stationary. unfold tree_rate.
  rewrite (Sum_ext N _ (fun i => Σ v < K, mt v * (vol i * m i v * rate n (p i v) (pt v) (q v)))).
  2: { intros i _. rewrite <- Sum_scal. apply Sum_ext; intros; ring. }
  rewrite Sum_swap. apply Sum_zero. intros v Hv. rewrite Sum_scal.
  rewrite (logit_conservation n N (fun i => vol i * m i v) (fun i => p i v) (q v) (pt v)); [ring|]. intros j Hj. apply stationary; auto.
Qed.

Theorem logit_own_rate_tree mt pt q : tree_rate mt mt pt pt q <= 0 /\
  (tree_rate mt mt pt pt q = 0 <-> forall v j, (v < K)%nat -> (j < n)%nat -> mt v <> 0 -> pt v j = q v j).
Proof.
  assert (H : forall v, (v < K)%nat -> 0 <= mt v * mt v * - rate n (pt v) (pt v) (q v)).
  { intros v _. apply Rmult_le_pos; [apply Rle_0_sqr|]. destruct (logit_own_rate n (q v) (pt v)). lra. }
  assert (E : tree_rate mt mt pt pt q = - Σ v < K, mt v * mt v * - rate n (pt v) (pt v) (q v)).
  { unfold tree_rate. rewrite <- Sum_opp. apply Sum_ext; intros; ring. }
  rewrite E. pose proof (Sum_nonneg K _ H). split; [lra|split].
  - intros Z v j Hv Hj M. destruct (logit_own_rate n (q v) (pt v)) as [_ [O _]]. apply O; auto.
    pose proof (Sum_null K _ H ltac:(lra) v Hv) as T. apply Rmult_integral in T as [T|T]; [|lra].
    apply Rmult_integral in T. tauto.
  - intros A. rewrite Sum_zero; [ring|]. intros v Hv. destruct (Req_dec (mt v) 0) as [->|M]; [ring|].
    destruct (logit_own_rate n (q v) (pt v)) as [_ [_ O]]. rewrite O; [ring|]. intros j Hj. apply A; auto.
Qed.

(* Data meet only at nodes that both pass through: where the perturbation or the data has no mass nothing moves.
   So data with one node in common (the parting node, mass mu) return exactly by the threshold of that node. *)
Theorem logit_return_threshold_meeting m mt p pt q u : (u < K)%nat -> (forall v, (v < K)%nat -> v <> u -> m v * mt v = 0 \/ forall j, (j < n)%nat ->
  pt v j = q v j) ->
  tree_rate m mt p pt q = m u * mt u * rate n (p u) (pt u) (q u).
Proof.
  intros Hu A. unfold tree_rate. rewrite (Sum_split K u _ Hu), (Sum_zero K (fun v => if Nat.eqb v u then 0 else _)); [ring|].
  intros v Hv. destruct (Nat.eqb_spec v u); auto. destruct (A v Hv n0) as [->|E]; [ring|].
  assert (R : rate n (p v) (pt v) (q v) = 0); [|rewrite R; ring]. unfold rate, inner. rewrite Sum_zero; [ring|].
  intros j Hj. rewrite E by auto. ring.
Qed.
End Tree.

(* A shared prefix moves the threshold: o and t go on together from the root (node 0), apart from a, and part at node 1.
   With weight s on a and the rest shared equally, o comes back while t is trained iff 4 s^2 > 1; without the prefix iff 3 s^2 > 1. *)
Theorem logit_return_threshold_tree s : let m v := 1 in
  let po v j := if Nat.eqb j (match v with 0%nat => 1 | _ => 0 end)%nat then 1 else 0 in let pt (v j : nat) := if Nat.eqb j 1 then 1 else 0 in
  let q v j := match v, j with 0%nat, 0%nat => s | 0%nat, _ => 1 - s | _, _ => 1/2 end in
  tree_rate 2 2 m m po pt q = 1/2 - 2 * (s * s) /\ (tree_rate 2 2 m m po pt q < 0 <-> 4 * (s * s) > 1).
Proof.
  intros m po pt q. assert (E : tree_rate 2 2 m m po pt q = 1/2 - 2 * (s * s)).
  { unfold tree_rate, rate, inner, m, po, pt, q. cbn. field. }
  split; auto. rewrite E. lra.
Qed.
