(* logit-forgetting-equalises, logit-return-bound, logit-only-common-nodes (docs/theory.md, Logit elasticity): what gradient flow does in
   any time T, for as long as it runs; and the finite form of logit-sum-rule, for any optimiser. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Logit LogitTree.
Open Scope R_scope.

(* --- conservation over any time, by any optimiser: q_0 is the mixture of the p_i with weights w --- *)
Theorem logit_sum_rule_any_time n N (w : nat -> R) (p : nat -> nat -> R) z0 z : (0 < n)%nat -> (forall i, (i < N)%nat -> Sum n (p i) = 1) ->
  0 <= Sum N w -> (forall j, (j < n)%nat -> (Σ i < N, w i * p i j) = Sum N w * softmax n z0 j) ->
  (Σ i < N, w i * (loss n (p i) z - loss n (p i) z0)) = Sum N w * (Σ j < n, softmax n z0 j * ln (softmax n z0 j / softmax n z j)) /\
  0 <= Σ i < N, w i * (loss n (p i) z - loss n (p i) z0).
Proof.
  intros some U W M.
  assert (E : (Σ i < N, w i * (loss n (p i) z - loss n (p i) z0)) = Sum N w * KL n (softmax n z0) (softmax n z)).
  { rewrite (Sum_ext N _ (fun i => Σ j < n, (ln (softmax n z0 j) - ln (softmax n z j)) * (w i * p i j))).
    - rewrite Sum_swap. unfold KL. rewrite <- Sum_scal. apply Sum_ext. intros j Hj. rewrite Sum_scal, M, ln_quot by (auto using softmax_pos). ring.
    - intros i _. unfold loss. rewrite (Sum_ext n (fun j => (ln (softmax n z0 j) - ln (softmax n z j)) * (w i * p i j))
        (fun j => w i * (p i j * ln (softmax n z0 j) - p i j * ln (softmax n z j)))) by (intros; ring).
      rewrite Sum_scal, Sum_minus. ring. }
  split; [exact E|]. rewrite E. apply Rmult_le_pos; auto. apply gibbs; intros; try (left; apply softmax_pos; auto); auto using softmax_pos.
  rewrite !softmax_unit by auto. lra.
Qed.
(* from between p_o and p_t nothing returns, ever: a return needs a third part *)
Lemma no_return_from_segment n x y po pt z0 z : (0 < n)%nat -> Sum n po = 1 -> Sum n pt = 1 -> 0 < x -> 0 <= y ->
  (forall j, (j < n)%nat -> x * po j + y * pt j = (x + y) * softmax n z0 j) -> loss n pt z <= loss n pt z0 -> loss n po z0 <= loss n po z.
Proof.
  intros some Uo Ut X Y M F.
  destruct (logit_sum_rule_any_time n 2 (fun i => match i with 0%nat => x | _ => y end) (fun i => match i with 0%nat => po | _ => pt end) z0 z some)
    as [_ P].
  - intros [|i] _; auto.
  - cbn. lra.
  - intros j Hj. cbn [Sum]. specialize (M j Hj). lra.
  - cbn [Sum] in P. assert (y * (loss n pt z - loss n pt z0) <= 0) by nra. nra.
Qed.

Section Flow.
Variables (n : nat) (pt : nat -> R) (z : R -> nat -> R) (T : R).
Hypothesis some : (0 < n)%nat.
Hypothesis T_nonneg : 0 <= T.
Hypothesis pt_nonneg : forall j, (j < n)%nat -> 0 <= pt j.
Hypothesis pt_unit : Sum n pt = 1.
Hypothesis flow : forall s j, 0 <= s <= T -> (j < n)%nat -> is_derive (fun s => z s j) s (pt j - softmax n (z s) j).

(* --- the law of forgetting --- *)
Lemma derive_off s j : 0 <= s <= T -> (j < n)%nat -> pt j = 0 -> is_derive (fun s => exp (- z s j)) s (/ Z n (z s)).
Proof.
  intros Hs Hj P. pose proof (Z_pos n some (z s)). eapply derive_value.
  - apply (derive_comp exp (fun s => - z s j)); [apply derive_exp|apply derive_opp, flow; auto].
  - rewrite P. unfold softmax. rewrite exp_Ropp. pose proof (exp_pos (z s j)). field. split; lra.
Qed.
Lemma off_gap i j : (i < n)%nat -> (j < n)%nat -> pt i = 0 -> pt j = 0 -> exp (- z T i) - exp (- z 0 i) = exp (- z T j) - exp (- z 0 j).
Proof.
  intros Hi Hj Pi Pj. assert (E : exp (- z 0 i) - exp (- z 0 j) = exp (- z T i) - exp (- z T j)); [|lra].
  apply (stays (fun s => exp (- z s i) - exp (- z s j)) 0 T T_nonneg). intros s Hs.
  eapply derive_value; [apply derive_minus; apply derive_off; auto|ring].
Qed.
Lemma off_rises j : (j < n)%nat -> pt j = 0 -> exp (- z 0 j) <= exp (- z T j).
Proof.
  intros Hj P. apply (rises (fun s => exp (- z s j)) (fun s => / Z n (z s)) 0 T T_nonneg); intros s Hs; [apply derive_off; auto|].
  left. apply Rinv_0_lt_compat, Z_pos, some.
Qed.
Lemma total_stays : Sum n (z T) = Sum n (z 0).
Proof.
  symmetry. apply (stays (fun s => Σ j < n, z s j) 0 T T_nonneg). intros s Hs.
  eapply derive_value; [apply (derive_Sum n (fun j s => z s j)); intros j Hj; apply flow; auto|].
  rewrite Sum_minus. change (Σ j < n, softmax n (z s) j) with (Sum n (softmax n (z s))). rewrite softmax_unit by auto.
  change (Σ j < n, pt j) with (Sum n pt). lra.
Qed.
Lemma closer a b s : 0 < b <= a -> 0 <= s -> 0 <= ln (a + s) - ln (b + s) <= ln a - ln b.
Proof.
  intros H Hs. split; [assert (ln (b + s) <= ln (a + s)) by (apply ln_le; lra); lra|].
  assert (ln (a + s) + ln b <= ln (b + s) + ln a); [|lra]. rewrite <- !ln_mult by lra. apply ln_le; [apply Rmult_lt_0_compat; lra|nra].
Qed.
(* One sigma for all tokens that p_t does not hold; their log-odds shrink; the sum of all logits stays. *)
Theorem logit_forgetting_equalises :
  (exists sigma, 0 <= sigma /\ forall j, (j < n)%nat -> pt j = 0 -> exp (- z T j) = exp (- z 0 j) + sigma) /\
  Sum n (z T) = Sum n (z 0) /\
  (forall i j, (i < n)%nat -> (j < n)%nat -> pt i = 0 -> pt j = 0 -> Rabs (z T i - z T j) <= Rabs (z 0 i - z 0 j)).
Proof.
  split; [|split; [apply total_stays|]].
  - assert (F : forall m, (m <= n)%nat -> (exists j, (j < m)%nat /\ pt j = 0) \/ forall j, (j < m)%nat -> pt j <> 0).
    { induction m as [|m IH]; intros Hm; [right; intros; lia|]. destruct (IH ltac:(lia)) as [(j & Hj & P)|N]; [left; exists j; auto|].
      destruct (Req_dec (pt m) 0); [left; exists m; auto|right]. intros j Hj. destruct (Nat.eq_dec j m) as [->|]; auto. apply N. lia. }
    destruct (F n (Nat.le_refl n)) as [(i & Hi & P)|N].
    + exists (exp (- z T i) - exp (- z 0 i)). split; [pose proof (off_rises i Hi P); lra|].
      intros j Hj Pj. rewrite (off_gap i j) by auto. ring.
    + exists 0. split; [lra|]. intros j Hj P. exfalso. apply (N j Hj P).
  - assert (L : forall s j, z s j = - ln (exp (- z s j))) by (intros; rewrite ln_exp; ring).
    assert (H : forall i j, (i < n)%nat -> (j < n)%nat -> pt i = 0 -> pt j = 0 -> exp (- z 0 i) <= exp (- z 0 j) ->
      Rabs (z T i - z T j) <= Rabs (z 0 i - z 0 j)).
    { intros i j Hi Hj Pi Pj O. set (s := exp (- z T i) - exp (- z 0 i)). assert (S0 : 0 <= s) by (unfold s; pose proof (off_rises i Hi Pi); lra).
      rewrite (L T i), (L T j), (L 0 i), (L 0 j).
      replace (exp (- z T i)) with (exp (- z 0 i) + s) by (unfold s; ring).
      replace (exp (- z T j)) with (exp (- z 0 j) + s) by (unfold s; rewrite (off_gap i j) by auto; ring).
      pose proof (closer (exp (- z 0 j)) (exp (- z 0 i)) s ltac:(split; [apply exp_pos|exact O]) S0).
      rewrite !Rabs_right by lra. lra. }
    intros i j Hi Hj Pi Pj. destruct (Rle_or_lt (exp (- z 0 i)) (exp (- z 0 j))) as [O|O]; [apply H; auto|].
    rewrite (Rabs_minus_sym (z T i)), (Rabs_minus_sym (z 0 i)). apply H; auto. lra.
Qed.

(* --- how much can come back: never more than KL(u_S || q_0), for every set S that holds what is trained --- *)
Section Bound.
Variables (S : nat -> bool) (po : nat -> R).
Hypothesis inside : forall j, (j < n)%nat -> S j = false -> pt j = 0.
Hypothesis po_nonneg : forall j, (j < n)%nat -> 0 <= po j.
Hypothesis po_unit : Sum n po = 1.
Hypothesis apart : forall j, (j < n)%nat -> po j * pt j = 0.
Definition card := Σ j < n, (if S j then 1 else 0).
Definition uS j := (if S j then 1 else 0) / card.
Lemma card_pos : 0 < card.
Proof.
  destruct (Rlt_or_le 0 card) as [C|C]; auto. exfalso. assert (Z0 : Sum n pt = 0); [|lra]. apply Sum_zero. intros j Hj. apply inside; auto.
  destruct (S j) eqn:E; auto. exfalso. assert (0 < card); [|lra]. unfold card.
  apply (Sum_pos n _ j); auto; [intros i _; destruct (S i); lra|rewrite E; lra].
Qed.
Lemma uS_unit : Sum n uS = 1.
Proof.
  pose proof card_pos. unfold uS. rewrite (Sum_ext n _ (fun j => / card * (if S j then 1 else 0))) by (intros; field; lra).
  rewrite Sum_scal. fold card. field. lra.
Qed.
Lemma uS_nonneg j : 0 <= uS j.
Proof. pose proof card_pos. unfold uS. destruct (S j); apply Rdiv_pos; lra. Qed.
Theorem logit_return_bound : loss n po (z 0) - loss n po (z T) <= Σ j < n, uS j * ln (uS j / softmax n (z 0) j).
Proof.
  pose proof card_pos as C.
  assert (A : (Σ j < n, po j * z T j) <= Σ j < n, po j * z 0 j).
  { apply Sum_le. intros j Hj. destruct (po_nonneg j Hj) as [P|<-]; [|lra]. apply Rmult_le_compat_l; [lra|].
    assert (Pt : pt j = 0) by (pose proof (apart j Hj) as X; apply Rmult_integral in X as [X|X]; lra).
    apply (falls (fun s => z s j) (fun s => pt j - softmax n (z s) j) 0 T T_nonneg); intros s Hs; [apply flow; auto|].
    rewrite Pt. pose proof (softmax_pos n some (z s) j). lra. }
  assert (B : (Σ j < n, uS j * z 0 j) <= Σ j < n, uS j * z T j).
  { apply (rises (fun s => Σ j < n, uS j * z s j) (fun s => Σ j < n, uS j * (pt j - softmax n (z s) j)) 0 T T_nonneg); intros s Hs.
    - apply (derive_Sum n (fun j s => uS j * z s j)). intros j Hj. apply derive_scal, flow; auto.
    - assert (leaf : forall j, (j < n)%nat -> / card * pt j - / card * softmax n (z s) j <= uS j * (pt j - softmax n (z s) j)).
      { intros j Hj. unfold uS. pose proof (softmax_pos n some (z s) j) as Q. assert (0 < / card * softmax n (z s) j) by pos.
        destruct (S j) eqn:E; [right; field; lra|].
        rewrite (inside j Hj E). unfold Rdiv. lra. }
      sum_le n leaf as L. change (Σ j < n, pt j) with (Sum n pt) in L. change (Σ j < n, softmax n (z s) j) with (Sum n (softmax n (z s))) in L.
      rewrite pt_unit, softmax_unit in L by auto. lra. }
  assert (D : (Σ j < n, uS j * z T j) <= ln (Z n (z T)) - ln card).
  { rewrite <- ln_quot by (auto using Z_pos). rewrite (Sum_ext n _ (fun j => uS j * ln (exp (z T j)))) by (intros; rewrite ln_exp; reflexivity).
    eapply Rle_trans; [apply (am_gm n uS (fun j => exp (z T j))); [intros; apply uS_nonneg|apply uS_unit|intros; apply exp_pos]|].
    apply ln_le; [apply (mean_pos n uS (fun j => exp (z T j))); [intros; apply uS_nonneg|apply uS_unit|intros; apply exp_pos]|].
    unfold Z, Rdiv. rewrite Rmult_comm, <- Sum_scal. apply Sum_le. intros j _. unfold uS. pose proof (exp_pos (z T j)) as X.
    assert (0 < / card * exp (z T j)) by pos. destruct (S j); unfold Rdiv; lra. }
  assert (K : (Σ j < n, uS j * ln (uS j / softmax n (z 0) j)) = ln (Z n (z 0)) - ln card - Σ j < n, uS j * z 0 j).
  { assert (leaf : forall j, (j < n)%nat -> uS j * ln (uS j / softmax n (z 0) j) = (ln (Z n (z 0)) - ln card) * uS j - uS j * z 0 j).
    { intros j _. unfold uS. destruct (S j); [|unfold Rdiv; ring]. pose proof (exp_pos (z 0 j)). pose proof (Z_pos n some (z 0)). unfold softmax.
      rewrite ln_quot by pos. rewrite (ln_quot 1), (ln_quot (exp _)), ln_1, ln_exp by (auto; lra). field. lra. }
    sum n leaf as L. change (Σ j < n, uS j) with (Sum n uS) in L. rewrite uS_unit in L. rewrite L. ring. }
  rewrite K, !loss_log_sum_exp by auto. lra.
Qed.
End Bound.
End Flow.

(* --- on a tree: only a node that all three datasets reach can return, at any time ---
   Alignment a, other data o, perturbation t; at the start every node holds their mixture with weights wa, wo, wt. *)
Section Tree.
Variables (K n : nat) (wa wo wt : R) (ma mo mt : nat -> R) (pa po pt : nat -> nat -> R) (z : R -> nat -> nat -> R) (T : R).
Hypothesis some : (0 < n)%nat.
Hypothesis T_nonneg : 0 <= T.
Hypothesis weights : 0 < wa /\ 0 < wo /\ 0 < wt.
Hypothesis masses : forall v, (v < K)%nat -> 0 <= ma v /\ 0 <= mo v /\ 0 <= mt v.
Hypothesis po_unit : forall v, (v < K)%nat -> Sum n (po v) = 1.
Hypothesis pt_unit : forall v, (v < K)%nat -> Sum n (pt v) = 1.
Hypothesis flow : forall s v j, 0 <= s <= T -> (v < K)%nat -> (j < n)%nat -> is_derive (fun s => z s v j) s (mt v * (pt v j - softmax n (z s v) j)).
Hypothesis start : forall v j, (v < K)%nat -> (j < n)%nat ->
  wa * ma v * pa v j + wo * mo v * po v j + wt * mt v * pt v j = (wa * ma v + wo * mo v + wt * mt v) * softmax n (z 0 v) j.
Theorem logit_only_common_nodes :
  (forall v, (v < K)%nat -> ma v = 0 \/ mo v = 0 \/ mt v = 0 -> mo v * loss n (po v) (z 0 v) <= mo v * loss n (po v) (z T v)) /\
  (tree_loss K n mo po (z T) < tree_loss K n mo po (z 0) ->
    exists v, (v < K)%nat /\ 0 < ma v /\ 0 < mo v /\ 0 < mt v /\ loss n (po v) (z T v) < loss n (po v) (z 0 v)).
Proof.
  destruct weights as (Wa & Wo & Wt).
  assert (A : forall v, (v < K)%nat -> ma v = 0 \/ mo v = 0 \/ mt v = 0 -> mo v * loss n (po v) (z 0 v) <= mo v * loss n (po v) (z T v)).
  { intros v Hv H. destruct (masses v Hv) as (Pa & [Po|<-] & [Pt|Pt]); try lra.
    - apply Rmult_le_compat_l; [lra|]. assert (ma v = 0) by lra. pose proof (start v) as M. rewrite H0 in M.
      apply (no_return_from_segment n (wo * mo v) (wt * mt v) (po v) (pt v)); auto; [pos|left; pos| |].
      + intros j Hj. specialize (M j Hv Hj). lra.
      + apply (own_loss_falls n (mt v) (pt v) (fun s => z s v) 0 T); auto. lra.
    - right. f_equal. assert (E : forall j, (j < n)%nat -> z 0 v j = z T v j).
      { intros j Hj. apply (stays (fun s => z s v j) 0 T T_nonneg). intros s Hs. eapply derive_value; [apply flow; auto|]. rewrite <- Pt. ring. }
      rewrite !loss_log_sum_exp by auto. f_equal; [f_equal; apply Sum_ext; intros j Hj; rewrite E; auto|apply Sum_ext; intros j Hj; rewrite E;
        auto]. }
  split; [exact A|]. intros L.
  assert (F : forall m, (m <= K)%nat -> (Σ v < m, mo v * loss n (po v) (z T v)) < (Σ v < m, mo v * loss n (po v) (z 0 v)) ->
    exists v, (v < m)%nat /\ mo v * loss n (po v) (z T v) < mo v * loss n (po v) (z 0 v)).
  { induction m as [|m IH]; intros Hm X; [simpl in X; lra|]. simpl in X.
    destruct (Rlt_dec (mo m * loss n (po m) (z T m)) (mo m * loss n (po m) (z 0 m))); [exists m; auto|].
    destruct IH as (v & Hv & Y); [lia|lra|]. exists v. auto. }
  destruct (F K (Nat.le_refl K) L) as (v & Hv & X). exists v. specialize (A v Hv). destruct (masses v Hv) as (Pa & Po & Pt). split; auto.
  assert (N : ma v <> 0 /\ mo v <> 0 /\ mt v <> 0) by (repeat split; intros Z0;
    assert (mo v * loss n (po v) (z 0 v) <= mo v * loss n (po v) (z T v)) by auto; lra).
  destruct N as (Na & No & Nt). repeat split; try lra. apply (Rmult_lt_reg_l (mo v)); lra.
Qed.
End Tree.
(* where alignment does not come, q lies between p_o and p_t, and what is trained there costs o *)
Theorem logit_only_common_nodes_rate n x po pt q : (forall j, (j < n)%nat -> q j = x * po j + (1 - x) * pt j) ->
  rate n po pt q = x * (1 - x) * Σ j < n, Rsqr (po j - pt j).
Proof.
  intros H. unfold rate, inner. rewrite <- Sum_scal, <- Sum_opp. apply Sum_ext. intros j Hj. rewrite H by auto. unfold Rsqr. ring.
Qed.
