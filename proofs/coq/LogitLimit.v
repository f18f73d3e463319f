(* logit-forgetting-equalises in the limit (docs/theory.md, Logit elasticity): gradient flow for ever forgets all differences between tokens
   that the data does not hold. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Logit LogitFlow.
Open Scope R_scope.

Section Limit.
Variables (n : nat) (pt : nat -> R) (z : R -> nat -> R).
Hypothesis some : (0 < n)%nat.
Hypothesis pt_nonneg : forall j, (j < n)%nat -> 0 <= pt j.
Hypothesis pt_unit : Sum n pt = 1.
Hypothesis flow : forall s j, 0 <= s -> (j < n)%nat -> is_derive (fun s => z s j) s (pt j - softmax n (z s) j).
Lemma flow_to T : forall s j, 0 <= s <= T -> (j < n)%nat -> is_derive (fun s => z s j) s (pt j - softmax n (z s) j).
Proof. intros s j Hs. apply flow. lra. Qed.

Section Off.
Variable o : nat.
Hypothesis o_off : (o < n)%nat /\ pt o = 0.
Let sigma s := exp (- z s o) - exp (- z 0 o).
Lemma sigma_law s j : 0 <= s -> (j < n)%nat -> pt j = 0 -> exp (- z s j) = exp (- z 0 j) + sigma s.
Proof. intros Hs Hj P. destruct o_off. unfold sigma. rewrite (off_gap n pt z s some Hs (flow_to s) o j) by auto. ring. Qed.
Lemma sigma_rises s t : 0 <= s <= t -> sigma s <= sigma t.
Proof.
  intros H. destruct o_off. unfold sigma. assert (exp (- z s o) <= exp (- z t o)); [|lra].
  apply (rises (fun u => exp (- z u o)) (fun u => / Z n (z u)) s t); [lra| |].
  - intros u Hu. apply (derive_off n pt z t some (flow_to t)); auto. lra.
  - intros u _. left. apply Rinv_0_lt_compat, Z_pos, some.
Qed.
Lemma least_share : exists mu, 0 < mu /\ forall j, (j < n)%nat -> pt j = 0 \/ mu <= pt j.
Proof.
  assert (F : forall m, (m <= n)%nat -> exists mu, 0 < mu /\ forall j, (j < m)%nat -> pt j = 0 \/ mu <= pt j).
  { induction m as [|m IH]; intros Hm; [exists 1; split; [lra|intros; lia]|]. destruct (IH ltac:(lia)) as (mu & P & H).
    destruct (pt_nonneg m ltac:(lia)) as [Q|Q].
    - exists (Rmin mu (pt m)). split; [apply Rmin_pos; auto|]. intros j Hj. destruct (Nat.eq_dec j m) as [->|D]; [right; apply Rmin_r|].
      destruct (H j ltac:(lia)) as [E|E]; [auto|right; eapply Rle_trans; [apply Rmin_l|exact E]].
    - exists mu. split; auto. intros j Hj. destruct (Nat.eq_dec j m) as [->|D]; auto. apply H. lia. }
  apply F. lia.
Qed.
Lemma some_share : exists j, (j < n)%nat /\ 0 < pt j.
Proof.
  assert (F : forall m, (m <= n)%nat -> (exists j, (j < m)%nat /\ 0 < pt j) \/ forall j, (j < m)%nat -> pt j = 0).
  { induction m as [|m IH]; intros Hm; [right; intros; lia|]. destruct (IH ltac:(lia)) as [(j & Hj & P)|N]; [left; exists j; auto|].
    destruct (pt_nonneg m ltac:(lia)) as [P|P]; [left; exists m; auto|right]. intros j Hj. destruct (Nat.eq_dec j m) as [->|]; auto. apply N. lia. }
  destruct (F n (Nat.le_refl n)) as [H|N]; auto. exfalso. rewrite Sum_zero in pt_unit by auto. lra.
Qed.
(* at some time the model is as close to p_t as one likes: the loss falls at the rate |p_t - q|², and stays above 0 *)
Lemma comes_close delta : 0 < delta -> exists c, 0 <= c /\ forall j, (j < n)%nat -> Rabs (pt j - softmax n (z c) j) < delta.
Proof.
  intros Hd. set (L s := loss n pt (z s)).
  assert (L0 : forall s, 0 <= L s).
  { intros s. unfold L, loss. rewrite <- Sum_opp. apply Sum_nonneg. intros j Hj. specialize (pt_nonneg j Hj). pose proof (softmax_pos n some (z s) j).
    assert (softmax n (z s) j <= 1) by (rewrite <- (softmax_unit n some (z s)); apply Sum_term; auto; intros; left; apply softmax_pos; auto).
    assert (ln (softmax n (z s) j) <= 0) by (rewrite <- ln_1; apply ln_le; auto). nra. }
  set (T := L 0 / (delta * delta) + 1). assert (HT : 1 <= T) by (unfold T; assert (0 <= L 0 / (delta * delta)) by (apply Rdiv_pos; [apply L0|pos]);
    lra).
  destruct (MVT_gen L 0 T (fun s => rate n pt pt (softmax n (z s)))) as [c [Hc E]].
  - intros s Hs. rewrite Rmin_left, Rmax_right in Hs by lra. apply (logit_flow n some); auto. intros j Hj. apply flow; auto. lra.
  - intros s Hs. rewrite Rmin_left, Rmax_right in Hs by lra. apply derivable_continuous_pt. exists (rate n pt pt (softmax n (z s))).
    apply is_derive_Reals, (logit_flow n some); auto. intros j Hj. apply flow; auto. lra.
  - rewrite Rmin_left, Rmax_right in Hc by lra. exists c. split; [lra|]. intros j Hj.
    set (S := Σ i < n, (pt i - softmax n (z c) i) * (pt i - softmax n (z c) i)).
    change (rate n pt pt (softmax n (z c))) with (- S) in E. pose proof (L0 T) as LT. rewrite Rminus_0_r in E.
    assert (ST : S * T <= L 0) by lra.
    assert (L1 : L 0 < delta * delta * T).
    { unfold T. replace (delta * delta * (L 0 / (delta * delta) + 1)) with (L 0 + delta * delta) by (field; lra). assert (0 < delta * delta) by pos.
      lra. }
    assert (S < delta * delta) by (apply (Rmult_lt_reg_r T); lra).
    assert (Q : (pt j - softmax n (z c) j) * (pt j - softmax n (z c) j) <= S) by
      (apply (Sum_term n (fun i => (pt i - softmax n (z c) i) * (pt i - softmax n (z c) i)) j); auto; intros; apply Rle_0_sqr).
    rewrite <- (Rabs_right delta) by lra. apply Rsqr_lt_abs_0. unfold Rsqr. lra.
Qed.
Lemma sigma_unbounded S : exists s, 0 <= s /\ S < sigma s.
Proof.
  destruct (Classical_Prop.classic (exists s, 0 <= s /\ S < sigma s)) as [H|H]; auto. exfalso.
  assert (B0 : forall s, 0 <= s -> sigma s <= S) by (intros s Hs; destruct (Rle_or_lt (sigma s) S); auto; exfalso; apply H; exists s; auto). clear H.
  assert (S0 : 0 <= S) by (pose proof (B0 0 (Rle_refl 0)); unfold sigma in *; lra).
  set (B := (Σ j < n, exp (- z 0 j)) + S).
  assert (EB : forall j, (j < n)%nat -> exp (- z 0 j) + S <= B).
  { intros j Hj. unfold B. assert (exp (- z 0 j) <= Σ j < n, exp (- z 0 j)); [|lra]. apply (Sum_term n (fun j => exp (- z 0 j)) j); auto.
    intros; left; apply exp_pos. }
  assert (BP : 0 < B) by (pose proof (EB o (proj1 o_off)); pose proof (exp_pos (- z 0 o)); lra).
  assert (low : forall s j, 0 <= s -> (j < n)%nat -> pt j = 0 -> - ln B <= z s j).
  { intros s j Hs Hj P. pose proof (sigma_law s j Hs Hj P) as E. pose proof (B0 s Hs). pose proof (EB j Hj).
    assert (- z s j <= ln B); [|lra]. rewrite <- (ln_exp (- z s j)). apply ln_le; [apply exp_pos|lra]. }
  destruct least_share as (mu & Hmu & least). destruct some_share as (j1 & Hj1 & P1).
  set (K := Sum n (z 0)). set (M := Rabs K + INR n * Rabs (ln B) + 1).
  set (delta := Rmin (mu / 2) (mu / (2 * B) * exp (- M))).
  assert (D : 0 < delta) by (unfold delta; apply Rmin_pos; [lra|pose proof (exp_pos (- M)); pos]).
  destruct (comes_close delta D) as (c & Hc & close).
  assert (D1 : delta <= mu / 2) by apply Rmin_l. assert (D2 : delta <= mu / (2 * B) * exp (- M)) by apply Rmin_r.
  set (q := softmax n (z c)). pose proof (Z_pos n some (z c)) as ZP.
  assert (qo : q o < delta) by (destruct o_off as [Ho Eo]; specialize (close o Ho); rewrite Eo in close; apply Rabs_def2 in close; fold q in close;
    lra).
  (* so Z is large, and with it every logit of p_t *)
  assert (Zbig : / B < delta * Z n (z c)).
  { destruct o_off as [Ho Eo]. assert (exp (z c o) < delta * Z n (z c)).
    { apply (Rmult_lt_compat_r (Z n (z c))) in qo; auto. unfold q, softmax, Rdiv in qo. rewrite Rmult_assoc, Rinv_l in qo by lra. lra. }
    pose proof (low c o Hc Ho Eo). assert (/ B <= exp (z c o)); [|lra]. rewrite <- (exp_ln (/ B)) by pos. rewrite ln_Rinv by auto.
    destruct H0 as [X|X]; [left; apply exp_increasing, X|rewrite X; lra]. }
  assert (high : forall j, (j < n)%nat -> 0 < pt j -> M <= z c j).
  { intros j Hj P. assert (mu <= pt j) by (destruct (least j Hj); lra). specialize (close j Hj). apply Rabs_def2 in close. fold q in close.
    assert (mu / 2 < q j) by lra. apply (Rmult_lt_compat_r (Z n (z c))) in H0; auto. unfold q, softmax, Rdiv in H0.
    rewrite (Rmult_assoc (exp _)), Rinv_l in H0 by lra.
    assert (exp M <= exp (z c j)).
    { apply Rlt_le. apply Rle_lt_trans with (mu / 2 * Z n (z c)); [|unfold Rdiv; lra].
      apply (Rmult_le_reg_l (delta * B)); [pos|].
      assert (delta * B * exp M <= mu / 2).
      { apply (Rmult_le_compat_r (B * exp M)) in D2; [|left; pose proof (exp_pos M); pos].
        replace (mu / (2 * B) * exp (- M) * (B * exp M)) with (mu / 2 * (exp (- M) * exp M)) in D2 by (field; lra).
        rewrite <- exp_plus in D2. replace (- M + M) with 0 in D2 by ring. rewrite exp_0 in D2. lra. }
      assert (1 <= delta * Z n (z c) * B).
      { apply (Rmult_lt_compat_r B) in Zbig; auto. rewrite Rinv_l in Zbig by lra. lra. }
      assert (mu / 2 * 1 <= mu / 2 * (delta * Z n (z c) * B)) by (apply Rmult_le_compat_l; lra). lra. }
    rewrite <- (ln_exp M), <- (ln_exp (z c j)). apply ln_le; [apply exp_pos|auto]. }
  assert (T : Sum n (z c) = K) by (apply (total_stays n pt z c some Hc pt_unit (flow_to c))).
  assert (G : M + INR n * - Rabs (ln B) <= Sum n (z c)).
  { rewrite (Sum_split n j1 (z c) Hj1), <- Sum_const. apply Rplus_le_compat; [apply high; auto|]. apply Sum_le. intros j Hj.
    pose proof (Rabs_pos (ln B)). destruct (Nat.eqb j j1); [lra|]. pose proof (Rle_abs (ln B)). destruct (pt_nonneg j Hj) as [P|P].
    - pose proof (high j Hj P). assert (0 <= M) by (unfold M; pose proof (Rabs_pos K); pose proof (pos_INR n); nra). lra.
    - pose proof (low c j Hc Hj (eq_sym P)). lra. }
  pose proof (Rle_abs K). unfold M in G. rewrite T in G. lra.
Qed.
Lemma log_odds_bound s i j : 0 <= s -> 0 < sigma s -> (i < n)%nat -> (j < n)%nat -> pt i = 0 -> pt j = 0 ->
  Rabs (z s i - z s j) <= Rabs (exp (- z 0 i) - exp (- z 0 j)) / sigma s.
Proof.
  intros Hs P Hi Hj Pi Pj.
  assert (half : forall i j, (i < n)%nat -> (j < n)%nat -> pt i = 0 -> pt j = 0 -> z s i - z s j <= Rabs (exp (- z 0 i) - exp (- z 0 j)) / sigma s).
  { clear i j Hi Hj Pi Pj. intros i j Hi Hj Pi Pj. pose proof (exp_pos (- z 0 i)) as A. pose proof (exp_pos (- z 0 j)) as B.
    assert (E : z s i - z s j = ln ((exp (- z 0 j) + sigma s) / (exp (- z 0 i) + sigma s))).
    { rewrite <- !sigma_law, ln_quot, !ln_exp by (auto; apply exp_pos). ring. }
    rewrite E. eapply Rle_trans; [apply ln_below, Rdiv_lt_0_compat; lra|].
    replace ((exp (- z 0 j) + sigma s) / (exp (- z 0 i) + sigma s) - 1) with ((exp (- z 0 j) - exp (- z 0 i)) / (exp (- z 0 i) + sigma s)) by (field;
      lra).
    pose proof (Rle_abs (exp (- z 0 j) - exp (- z 0 i))) as U. rewrite Rabs_minus_sym in U. pose proof (Rabs_pos (exp (- z 0 i) - exp (- z 0 j))).
    apply (Rmult_le_reg_r (sigma s * (exp (- z 0 i) + sigma s))); [apply Rmult_lt_0_compat; lra|].
    replace ((exp (- z 0 j) - exp (- z 0 i)) / (exp (- z 0 i) + sigma s) * (sigma s * (exp (- z 0 i) + sigma s))) with ((exp (- z 0 j) - exp
      (- z 0 i)) * sigma s) by (field; lra).
    replace (Rabs (exp (- z 0 i) - exp (- z 0 j)) / sigma s * (sigma s * (exp (- z 0 i) + sigma s))) with (Rabs (exp (- z 0 i) - exp (- z 0 j)) *
      (exp (- z 0 i) + sigma s)) by (field; lra).
    nra. }
  apply Rabs_le. split; [|apply half; auto]. pose proof (half j i Hj Hi Pj Pi) as X. rewrite Rabs_minus_sym in X. lra.
Qed.
End Off.

Lemma close_in_the_end i j eps : (i < n)%nat -> (j < n)%nat -> pt i = 0 -> pt j = 0 -> 0 < eps -> exists T, forall s, T < s ->
  Rabs (z s i - z s j) < eps.
Proof.
  intros Hi Hj Pi Pj He. set (G := Rabs (exp (- z 0 i) - exp (- z 0 j))).
  destruct (sigma_unbounded i (conj Hi Pi) (G / eps)) as (T & HT & U). exists T. intros s Hs.
  assert (0 <= G / eps) by (apply Rdiv_pos; auto; apply Rabs_pos).
  pose proof (sigma_rises i (conj Hi Pi) T s ltac:(lra)) as R. cbv beta in R, U.
  eapply Rle_lt_trans; [apply (log_odds_bound i (conj Hi Pi) s i j); auto; lra|]. fold G. set (sg := exp (- z s i) - exp (- z 0 i)) in *.
  assert (0 < sg) by lra. apply (Rmult_lt_reg_r sg); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  assert (G / eps < sg) as X by lra. apply (Rmult_lt_compat_r eps) in X; auto. unfold Rdiv in X. rewrite Rmult_assoc, Rinv_l in X by lra. lra.
Qed.
(* the log-odds of any two tokens that p_t does not hold tend to 0, and with them the difference of the code lengths of any two datasets of
   such tokens, aligned for or not *)
Theorem logit_forgetting_equalises_limit :
  (forall i j, (i < n)%nat -> (j < n)%nat -> pt i = 0 -> pt j = 0 -> is_lim (fun s => z s i - z s j) p_infty 0) /\
  (forall pa pb, Sum n pa = 1 -> Sum n pb = 1 -> (forall j, (j < n)%nat -> pt j <> 0 -> pa j = 0 /\ pb j = 0) ->
    is_lim (fun s => loss n pa (z s) - loss n pb (z s)) p_infty 0).
Proof.
  assert (A : forall i j, (i < n)%nat -> (j < n)%nat -> pt i = 0 -> pt j = 0 -> is_lim (fun s => z s i - z s j) p_infty 0).
  { intros i j Hi Hj Pi Pj. apply is_lim_spec. intros eps. destruct (close_in_the_end i j eps Hi Hj Pi Pj (cond_pos eps)) as (T & H).
    exists T. intros s Hs. rewrite Rminus_0_r. apply H, Hs. }
  split; [exact A|]. intros pa pb Ua Ub Off.
  apply (is_lim_ext (fun s => Σ i < n, Σ j < n, pb i * pa j * (z s i - z s j))).
  { intros s. rewrite !loss_log_sum_exp by auto.
    transitivity ((Σ i < n, pb i * z s i) - Σ j < n, pa j * z s j); [|ring].
    transitivity (Σ i < n, (pb i * z s i - (Σ j < n, pa j * z s j) * pb i)).
    - apply Sum_ext. intros i _. transitivity (Σ j < n, ((pb i * z s i) * pa j - pb i * (pa j * z s j))); [apply Sum_ext; intros; ring|].
      rewrite Sum_minus, !Sum_scal. change (Σ j < n, pa j) with (Sum n pa). rewrite Ua. ring.
    - rewrite Sum_minus, Sum_scal. change (Σ i < n, pb i) with (Sum n pb). rewrite Ub. ring. }
  assert (L : forall m (f : nat -> R -> R), (forall i, (i < m)%nat -> is_lim (f i) p_infty 0) -> is_lim (fun s => Σ i < m, f i s) p_infty 0).
  { induction m as [|m IH]; intros f F; [exact (is_lim_const 0 p_infty)|].
    replace (Finite 0) with (Finite (0 + 0)) by (f_equal; ring).
    apply (is_lim_plus' (fun s => Σ i < m, f i s) (f m)); [apply IH; auto|apply F; lia]. }
  apply (L n (fun i s => Σ j < n, pb i * pa j * (z s i - z s j))). intros i Hi.
  apply (L n (fun j s => pb i * pa j * (z s i - z s j))). intros j Hj.
  destruct (Req_dec (pb i * pa j) 0) as [E|E].
  - apply (is_lim_ext (fun _ => 0)); [intros s; rewrite E; ring|exact (is_lim_const 0 p_infty)].
  - assert (Pi : pt i = 0) by (destruct (Req_dec (pt i) 0) as [Z|Z]; auto; destruct (Off i Hi Z) as [_ B]; rewrite B in E; lra).
    assert (Pj : pt j = 0) by (destruct (Req_dec (pt j) 0) as [Z|Z]; auto; destruct (Off j Hj Z) as [B _]; rewrite B in E; lra).
    replace (Finite 0) with (Rbar_mult (pb i * pa j) 0) by (simpl; f_equal; ring). apply (is_lim_scal_l (fun s => z s i - z s j)). auto.
Qed.
End Limit.
